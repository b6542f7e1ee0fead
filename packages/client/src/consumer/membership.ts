import type { Buffer } from 'node:buffer'
import {
  codeOf,
  errorCodeOf,
  kafkaError,
  MillraceError,
  messageOf,
  remedyFor,
  type Timer,
  type TopicPartition,
} from '@millrace/kernel'
import { fill, type ResponseOf } from '@millrace/protocol/internal'
import { Backoff } from '../cluster/backoff.ts'
import { type Cluster, throwIfError } from '../cluster/cluster.ts'
import type { Assignor, AssignorMember, GroupMetadata } from '../consumer.ts'
import type { ConsumerMetrics } from './consumer-metrics.ts'
import { decodeAssignment, decodeSubscription, encodeAssignment, encodeSubscription } from './consumer-protocol.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import type { Coordinator } from './coordinator.ts'

type JoinAnswer = ResponseOf<'joinGroup'>

const protocolType = 'consumer'
const noAssignor = 'INCONSISTENT_GROUP_PROTOCOL'

/** What a round of the group gave this member. */
export interface Joined {
  readonly partitions: readonly TopicPartition[]
  readonly userData: Buffer | null
  readonly assignor: Assignor
  readonly generation: number
}

/**
 * Where a member stands. The consumer looks at it in `poll` and does what only `poll` may do: call hooks.
 *
 *   outside ──join──▶ joining ──▶ joined (to be taken in by poll) ──▶ stable
 *      ▲                 ▲                                              │
 *      │                 └────── rejoin (another round begins) ◀────────┤
 *      └──────────────── lost (session over, fenced, stuck) ◀───────────┘
 */
export type Standing = 'outside' | 'joining' | 'joined' | 'stable' | 'rejoin' | 'lost'

/** One member of a classic group: joining, the leader's part, heartbeats. All network; no hook is called from here. */
export class Membership {
  readonly #cluster: Cluster
  readonly #coordinator: Coordinator
  readonly #settings: ConsumerSettings
  readonly #metrics: ConsumerMetrics
  readonly #wake: () => void
  readonly #groupId: string
  #standing: Standing = 'outside'
  #memberId = ''
  #generation = -1
  #joined: Joined | undefined
  #failure: unknown
  #topics: readonly string[] = []
  #owned: readonly TopicPartition[] = []
  /** Of the round that gave this member what it owns: a round that came to nothing in between changes nothing. */
  #ownedIn = -1
  /** Another round is wanted as soon as this one is over. */
  #again = false
  #beat: Timer | undefined
  #lastPollMs = 0
  #polling = 0
  /** What the leader divided by, see `#shapeOf`; undefined on other members. */
  #dividedBy: ReadonlyMap<string, string | undefined> | undefined
  #watchedAtMs = 0
  /** Done when the join under way is answered. */
  #naming: Promise<void> | undefined
  #round = 0

  constructor(
    cluster: Cluster,
    coordinator: Coordinator,
    groupId: string,
    settings: ConsumerSettings,
    metrics: ConsumerMetrics,
    wake: () => void,
  ) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#groupId = groupId
    this.#settings = settings
    this.#metrics = metrics
    this.#wake = wake
  }

  get standing(): Standing {
    return this.#standing
  }

  get lost(): boolean {
    return this.#standing === 'lost'
  }

  get metadata(): GroupMetadata | undefined {
    if (this.#generation < 0) return undefined
    return {
      groupId: this.#groupId,
      generation: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: this.#settings.groupInstanceId,
    }
  }

  /** What `poll` throws, once. */
  takeFailure(): unknown {
    const failure = this.#failure
    this.#failure = undefined
    return failure
  }

  pollBegins(): void {
    this.#polling++
  }

  pollEnds(): void {
    this.#polling--
    this.#lastPollMs = this.#cluster.ports.clock.monotonicMs()
  }

  /** Another round at the next poll. */
  requestRejoin(): void {
    if (this.#standing === 'joining') this.#again = true
    else this.#rejoin()
  }

  #rejoin(): void {
    if (this.#standing === 'stable' || this.#standing === 'joined') this.#become('rejoin')
  }

  /** The partitions are gone and the hooks know: the next poll joins as somebody new. */
  acknowledgeLoss(): void {
    if (this.#standing === 'lost') this.#become('outside')
  }

  /** Begins a round. `owned` has been revoked or kept as the protocol wants it. */
  join(topics: readonly string[], owned: readonly TopicPartition[]): void {
    this.#topics = [...topics].sort()
    this.#owned = [...owned].sort(byPlace)
    this.#again = false
    this.#become('joining')
    const round = ++this.#round
    this.#run(round).catch((error: unknown) => {
      if (round !== this.#round) return
      this.#failure = error
      this.#generation = -1
      this.#become('outside')
    })
  }

  /** The round's outcome, to be taken in by poll; the member is stable from here on. */
  takeJoined(): Joined | undefined {
    const joined = this.#joined
    if (this.#standing !== 'joined' || joined === undefined) return undefined
    this.#joined = undefined
    this.#ownedIn = joined.generation
    this.#become(this.#again ? 'rejoin' : 'stable')
    this.#again = false
    return joined
  }

  /**
   * A commit by `committer` was refused. Returns what to throw: where a round came in between it only says so, as Java's
   * does. What is said of a membership that is over does not touch the one of now.
   */
  refused(error: unknown, committer: { readonly generation: number; readonly memberId: string }): unknown {
    const code = codeOf(error)
    const isNow = committer.generation === this.#generation && committer.memberId === this.#memberId
    const isOfMember = remedyFor(error) === 'rejoin' || code === 'FENCED_INSTANCE_ID'
    const overtaken = !isNow || (code === 'ILLEGAL_GENERATION' && this.#standing === 'joining')
    if (!isOfMember || !overtaken) {
      this.#ended(error)
      return error
    }
    if (this.#generation < 0) return error
    return kafkaError('REBALANCE_IN_PROGRESS', `group ${this.#groupId}`, undefined, error)
  }

  /** The membership is over, or another round has begun. */
  #ended(error: unknown): void {
    const code = codeOf(error)
    if (code === 'REBALANCE_IN_PROGRESS') this.#rejoin()
    else if (remedyFor(error) === 'rejoin') this.#lose(code === 'UNKNOWN_MEMBER_ID')
    else if (code === 'FENCED_INSTANCE_ID') this.#fence(error)
  }

  /** Tells the group. A static member just goes: it is expected back. */
  async leave(reason: string): Promise<void> {
    this.#round++
    this.#beat?.cancel()
    const timeoutMs = Math.min(5_000, this.#settings.requestTimeoutMs)
    if (this.#memberId === '') await this.#named(timeoutMs)
    const memberId = this.#memberId
    this.#memberId = ''
    this.#generation = -1
    this.#standing = 'outside'
    if (memberId === '' || this.#settings.groupInstanceId !== null) return
    const members = [{ memberId, groupInstanceId: null, reason }]
    const request = fill('leaveGroup', 'request', { groupId: this.#groupId, members })
    try {
      const connection = await this.#coordinator.aside()
      await connection.send('leaveGroup', request, { timeoutMs })
    } catch (error) {
      // The session will expire instead.
      this.#cluster.ports.log.debug('leaving the group failed', { groupId: this.#groupId, error: messageOf(error) })
    }
  }

  /** Who asked to join is a member as soon as the coordinator has thought of a name, and the group waits for it. */
  async #named(timeoutMs: number): Promise<void> {
    if (this.#naming === undefined) return
    const inTime = new AbortController()
    const late = this.#cluster.ports.clock.sleep(timeoutMs, inTime.signal).catch(() => undefined)
    await Promise.race([this.#naming, late])
    inTime.abort()
  }

  async #run(round: number): Promise<void> {
    const { clock, random } = this.#cluster.ports
    const backoff = new Backoff(random)
    const beganMs = clock.monotonicMs()
    while (round === this.#round) {
      try {
        const joined = await this.#attempt(round)
        if (joined === undefined || round !== this.#round) return
        this.#joined = joined
        this.#metrics.rebalances.add()
        this.#metrics.rebalanceSeconds.observe((clock.monotonicMs() - beganMs) / 1_000)
        this.#become('joined')
        return
      } catch (error) {
        if (round !== this.#round) return
        const remedy = remedyFor(error)
        const code = codeOf(error)
        this.#cluster.ports.log.debug('joining failed', { groupId: this.#groupId, error: messageOf(error), remedy })
        if (remedy === 'refresh-metadata') this.#coordinator.forget()
        else if (remedy === 'rejoin' && code !== 'REBALANCE_IN_PROGRESS' && code !== 'MEMBER_ID_REQUIRED') {
          if (this.#owned.length > 0) {
            this.#lose(code === 'UNKNOWN_MEMBER_ID') // what it kept through the round is somebody else's by now
            return
          }
          if (code === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
          this.#generation = -1
        } else if (remedy !== 'retry' && remedy !== 'rejoin') throw error
        if (code !== 'MEMBER_ID_REQUIRED') await clock.sleep(backoff.next())
      }
    }
  }

  async #attempt(round: number): Promise<Joined | undefined> {
    const answer = await this.#sendJoin()
    if (round !== this.#round) return undefined
    this.#generation = answer.generationId
    this.#lastPollMs = this.#cluster.ports.clock.monotonicMs()
    this.#scheduleBeat() // dividing may take its time, and so may the other members
    const assignor = this.#settings.assignors.find((known) => known.name === answer.protocolName)
    if (assignor === undefined) {
      throw kafkaError(noAssignor, `group ${this.#groupId}`, `The group chose "${answer.protocolName}".`)
    }
    const assignments = answer.leader === this.#memberId ? await this.#divide(answer, assignor) : []
    if (answer.leader !== this.#memberId) this.#dividedBy = undefined
    const request = fill('syncGroup', 'request', {
      groupId: this.#groupId,
      generationId: answer.generationId,
      memberId: this.#memberId,
      groupInstanceId: this.#settings.groupInstanceId,
      protocolType,
      protocolName: assignor.name,
      assignments,
    })
    const connection = await this.#coordinator.connection()
    const synced = await connection.send('syncGroup', request, { timeoutMs: this.#roundTimeoutMs() })
    throwIfError(synced.errorCode, `group ${this.#groupId}`)
    const { partitions, userData } = decodeAssignment(synced.assignment)
    return { partitions, userData, assignor, generation: answer.generationId }
  }

  async #sendJoin(): Promise<JoinAnswer> {
    const protocols = this.#settings.assignors.map((assignor) => ({
      name: assignor.name,
      metadata: encodeSubscription({
        topics: this.#topics,
        userData: assignor.userData(),
        ownedPartitions: this.#owned,
        generation: this.#owned.length > 0 ? this.#ownedIn : -1,
        rackId: this.#settings.rackId,
      }),
    }))
    const request = fill('joinGroup', 'request', {
      groupId: this.#groupId,
      sessionTimeoutMs: this.#settings.sessionTimeoutMs,
      rebalanceTimeoutMs: this.#settings.maxPollIntervalMs,
      memberId: this.#memberId,
      groupInstanceId: this.#settings.groupInstanceId,
      protocolType,
      protocols,
    })
    const connection = await this.#coordinator.connection()
    const answering = connection.send('joinGroup', request, { timeoutMs: this.#roundTimeoutMs() })
    this.#naming = answering.then(
      ({ memberId }) => {
        if (this.#memberId === '') this.#memberId = memberId
      },
      () => undefined,
    )
    const answer = await answering
    if (errorCodeOf(answer.errorCode) === 'MEMBER_ID_REQUIRED') this.#memberId = answer.memberId
    throwIfError(answer.errorCode, `group ${this.#groupId}`)
    this.#memberId = answer.memberId
    return answer
  }

  /** The leader's part. */
  async #divide(answer: JoinAnswer, assignor: Assignor) {
    const members: AssignorMember[] = answer.members.map(({ memberId, groupInstanceId, metadata }) => ({
      memberId,
      groupInstanceId,
      ...decodeSubscription(metadata),
    }))
    const topics = new Set(members.flatMap((member) => member.topics))
    await this.#cluster.refresh(topics)
    if (answer.skipAssignment) {
      this.#dividedBy = await this.#dividedBefore(topics)
      return []
    }
    const partitionsOf = (topic: string) => this.#cluster.topic(topic)?.partitions.length
    const racksOf = (topic: string, partition: number) => this.#cluster.racksOf(topic, partition)
    const divided = await assignor.assign(members, { partitionsOf, racksOf })
    this.#dividedBy = new Map([...topics].map((topic) => [topic, this.#shapeOf(topic, partitionsOf(topic))]))
    this.#watchedAtMs = this.#cluster.ports.clock.monotonicMs()
    return [...divided].map(([memberId, assignment]) => ({ memberId, assignment: encodeAssignment(assignment) }))
  }

  /**
   * A static leader that returns finds the group as it was, and does not divide (KIP-814). A topic may have come or
   * grown while it was gone: the
   * partitions that are given out now are what the watch compares with.
   */
  async #dividedBefore(topics: ReadonlySet<string>): Promise<Map<string, string | undefined>> {
    const request = fill('describeGroups', 'request', { groups: [this.#groupId] })
    const connection = await this.#coordinator.connection()
    const { groups } = await connection.send('describeGroups', request, { timeoutMs: this.#settings.requestTimeoutMs })
    const counts = new Map<string, number | undefined>([...topics].map((topic) => [topic, undefined]))
    for (const { memberAssignment } of groups[0]?.members ?? []) {
      if (memberAssignment.length === 0) continue
      for (const { topic } of decodeAssignment(memberAssignment).partitions) {
        if (topics.has(topic)) counts.set(topic, (counts.get(topic) ?? 0) + 1)
      }
    }
    return new Map([...counts].map(([topic, count]) => [topic, this.#shapeOf(topic, count)]))
  }

  /** What a division depends on: how many partitions, and in which racks they are where that plays a part. */
  #shapeOf(topic: string, count: number | undefined): string | undefined {
    if (count === undefined || this.#settings.rackId === null) return count?.toString()
    return JSON.stringify(Array.from({ length: count }, (_, partition) => this.#cluster.racksOf(topic, partition)))
  }

  /** A round lasts until everybody is there, at most the rebalance timeout. */
  #roundTimeoutMs(): number {
    return this.#settings.maxPollIntervalMs + 5_000
  }

  #scheduleBeat(): void {
    this.#beat?.cancel()
    const { clock } = this.#cluster.ports
    this.#beat = clock.after(this.#settings.heartbeatIntervalMs, () => void this.#heartbeat(this.#round), 'background')
  }

  async #heartbeat(round: number): Promise<void> {
    if (round !== this.#round || this.#generation < 0) return
    if (this.#leftForNotPolling()) return
    try {
      await this.#sendBeat()
      await this.#watchTopics()
    } catch (error) {
      if (round !== this.#round) return
      this.#beatFailed(error)
    }
    if (round === this.#round && this.#generation >= 0 && this.#standing !== 'lost') this.#scheduleBeat()
  }

  async #sendBeat(): Promise<void> {
    const request = fill('heartbeat', 'request', {
      groupId: this.#groupId,
      generationId: this.#generation,
      memberId: this.#memberId,
      groupInstanceId: this.#settings.groupInstanceId,
    })
    // While a join is answered on this connection the answer would wait behind it.
    if (this.#standing === 'joining') return
    const connection = await this.#coordinator.connection()
    const answer = await connection.send('heartbeat', request, { timeoutMs: this.#settings.sessionTimeoutMs })
    throwIfError(answer.errorCode, `group ${this.#groupId}`)
  }

  #beatFailed(error: unknown): void {
    const code = codeOf(error)
    const { log } = this.#cluster.ports
    log.debug('heartbeat failed', { groupId: this.#groupId, error: messageOf(error) })
    if (code === 'REBALANCE_IN_PROGRESS') {
      this.#rejoin()
      return
    }
    const remedy = remedyFor(error)
    if (remedy === 'rejoin') this.#lose(code === 'UNKNOWN_MEMBER_ID')
    else if (remedy === 'fence' || remedy === 'fail') this.#fence(error)
    // As Java's, whatever the session: a coordinator that moves takes its members along and begins their sessions anew,
    // and one that has expired us says so as soon as it is found.
    else this.#coordinator.forget()
  }

  /** A member that does not poll holds its partitions and does nothing for them: it gives them up by itself. */
  #leftForNotPolling(): boolean {
    const { clock, log } = this.#cluster.ports
    if (this.#polling > 0 || this.#standing === 'joining') return false
    if (clock.monotonicMs() - this.#lastPollMs < this.#settings.maxPollIntervalMs) return false
    log.warn('left the group: no poll within maxPollIntervalMs', {
      groupId: this.#groupId,
      maxPollIntervalMs: this.#settings.maxPollIntervalMs,
    })
    void this.leave('no poll within maxPollIntervalMs')
    this.#metrics.lostAssignments.add()
    this.#become('lost')
    return true
  }

  /** The leader divides again when a topic has come or grown, or its replicas have moved (KIP-881). */
  async #watchTopics(): Promise<void> {
    if (this.#dividedBy === undefined) return
    const nowMs = this.#cluster.ports.clock.monotonicMs()
    const missing = [...this.#dividedBy.values()].includes(undefined)
    const paceMs = missing ? 1_000 : Math.min(60_000, this.#cluster.metadataMaxAgeMs)
    if (nowMs - this.#watchedAtMs >= paceMs) {
      this.#watchedAtMs = nowMs
      await this.#cluster.refresh(this.#dividedBy.keys())
    }
    for (const [topic, shape] of this.#dividedBy) {
      if (this.#shapeOf(topic, this.#cluster.topic(topic)?.partitions.length) !== shape) {
        this.#rejoin()
        return
      }
    }
  }

  #lose(forgetMember: boolean): void {
    this.#round++
    this.#beat?.cancel()
    if (forgetMember) this.#memberId = ''
    this.#generation = -1
    this.#metrics.lostAssignments.add()
    this.#become('lost')
  }

  #fence(error: unknown): void {
    this.#lose(true)
    this.#failure =
      error instanceof MillraceError ? error : new MillraceError('STATE', messageOf(error), { cause: error })
  }

  #become(standing: Standing): void {
    this.#standing = standing
    this.#wake()
  }
}

function byPlace(a: TopicPartition, b: TopicPartition): number {
  if (a.topic === b.topic) return a.partition - b.partition
  return a.topic < b.topic ? -1 : 1
}
