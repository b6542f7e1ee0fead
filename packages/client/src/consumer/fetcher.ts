import {
  errorCodeOf,
  type KafkaErrorCode,
  kafkaError,
  messageOf,
  type Offset,
  partitionName,
  remedyFor,
  type Timer,
} from '@millrace/kernel'
import { type Connection, zeroUuid } from '@millrace/protocol/internal'
import { Backoff } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Lane } from '../cluster/lane.ts'
import type { ConsumerMetrics } from './consumer-metrics.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import { type EpochEnd, epochEnds, type PositionCheck } from './epoch-ends.ts'
import { type Asked, FetchIntake } from './fetch-intake.ts'
import { fetchRequest } from './fetch-request.ts'
import { FetchSession, type WantedPartition, withoutSession } from './fetch-session.ts'
import type { PartitionState } from './partition-state.ts'

/**
 * While part of a broker's partitions is left out of a fetch (enough of them is buffered), the rest may not hold the connection for
 * long: what is left out becomes hungry as soon as somebody polls.
 */
const partialWaitMs = 10

/** How long a fetch on the second way waits: short, so that its partitions soon join those on the first again. */
const spareWaitMs = 50

export interface FetcherEvents {
  /** Something changed that a waiting `poll` wants to see. */
  wake(): void
  /** The offset is gone. */
  outOfRange(state: PartitionState): void
  /** The log has lost records that were read: it parts from them at `end`; undefined where that is not known. */
  truncated(state: PartitionState, end: EpochEnd | undefined): void
  /** Cannot be retried: the next `poll` throws it. */
  failed(error: Error): void
}

/** A fetch that has no answer yet. */
interface InFlight {
  readonly abort: AbortController
  /** It may wait for data as long as a fetch may. */
  readonly long: boolean
  connection: Connection | undefined
}

/** One connection to each broker, and what is under way on it. */
interface Way {
  readonly lane: Lane
  readonly inFlight: Map<number, InFlight>
}

/** A position as it stood when the leader was asked about it. */
interface AskedPosition extends PositionCheck {
  readonly version: number
  readonly from: Offset | undefined
  readonly epoch: number
}

/** What a fetch is to bring. */
interface FetchPlan {
  readonly source: number
  readonly hungry: PartitionState[]
  /** Nothing that the broker leads is left out. */
  all: boolean
}

/**
 * Keeps one fetch in flight to each broker for as long as there is room, and buffers what comes, a bound over all.
 *
 * Answers on a connection come in order, so a fetch that waits for data would hold up whatever is wanted after it: a position that was
 * sought, a partition that was assigned or resumed. Such goes to the broker a second way, opened when it is first needed, outside the
 * session and with a short wait, until the first way is free again. In the same process a waiting fetch is given up instead.
 */
export class Fetcher {
  readonly #cluster: Cluster
  readonly #settings: ConsumerSettings
  readonly #metrics: ConsumerMetrics
  readonly #events: FetcherEvents
  readonly #intake: FetchIntake
  readonly #main: Way
  readonly #spare: Way
  readonly #sessions = new Map<number, FetchSession>()
  readonly #backoff: Backoff
  #states: readonly PartitionState[] = []
  /** Positions to be checked, by leader; filled and emptied within a pump. */
  readonly #due = new Map<number, PositionCheck[]>()
  #next = 0
  #refreshing = false
  #closed = false
  #timer: Timer | undefined
  #timerAtMs = Number.POSITIVE_INFINITY

  constructor(cluster: Cluster, settings: ConsumerSettings, metrics: ConsumerMetrics, events: FetcherEvents) {
    this.#cluster = cluster
    this.#settings = settings
    this.#metrics = metrics
    this.#events = events
    this.#main = { lane: cluster.lane(), inFlight: new Map() }
    this.#spare = { lane: cluster.lane(), inFlight: new Map() }
    this.#backoff = new Backoff(cluster.ports.random)
    this.#intake = new FetchIntake(cluster, settings, metrics, {
      outOfRange: (state) => events.outOfRange(state),
      failed: (error) => events.failed(error),
      refreshMetadata: () => this.#refreshMetadata(),
    })
  }

  /** What is assigned now. */
  assign(states: readonly PartitionState[]): void {
    this.#states = states
    this.#next = 0
    this.interrupt()
  }

  /** Positions have changed: a fetch that waits at the old ones must not hold up the next. */
  interrupt(): void {
    for (const { connection, abort } of [...this.#main.inFlight.values()]) {
      if (connection?.abortsAtOnce === true) abort.abort()
    }
    this.pump()
  }

  get bufferedBytes(): number {
    let total = 0
    for (const state of this.#states) total += state.bufferedBytes
    return total
  }

  /** Sends what can be sent. Cheap when nothing can. */
  pump(): void {
    if (this.#closed || this.#states.length === 0) return
    const nowMs = this.#cluster.ports.clock.monotonicMs()
    let room = this.#settings.prefetchBytesMax - this.bufferedBytes
    if (room <= 0) return
    const plans = this.#plan(nowMs)
    for (const [leader, checks] of this.#due) this.#check(leader, checks)
    this.#due.clear()
    for (const plan of plans) {
      const way = this.#freeWay(plan.source)
      if (plan.hungry.length === 0 || way === undefined || room <= 0) continue
      room -= this.#fetch(way, plan, room)
    }
  }

  #plan(nowMs: number): Iterable<FetchPlan> {
    const each = this.#partitionBound()
    const plans = new Map<number, FetchPlan>()
    for (let i = 0; i < this.#states.length; i++) {
      const state = this.#states[(this.#next + i) % this.#states.length]!
      if (state.paused || state.fetchFrom === undefined) continue
      const leader = this.#leaderOf(state)
      if (leader < 0 || state.checking || this.#isCheckDue(state, leader, nowMs)) continue
      const source = state.sourceAt(nowMs) ?? leader
      if (this.#freeWay(source) === undefined) continue
      let plan = plans.get(source)
      if (plan === undefined) {
        plan = { source, hungry: [], all: true }
        plans.set(source, plan)
      }
      if (state.isFetching || state.bufferedBytes >= each) plan.all = false
      else if (this.#mayRetry(state, nowMs)) plan.hungry.push(state)
    }
    this.#next = (this.#next + 1) % this.#states.length
    return plans.values()
  }

  /** The second one only while something waits on the first. */
  #freeWay(source: number): Way | undefined {
    const waiting = this.#main.inFlight.get(source)
    if (waiting === undefined) return this.#main
    const spare = waiting.long && waiting.connection !== undefined && waiting.connection.abortsAtOnce !== true
    return spare && !this.#spare.inFlight.has(source) ? this.#spare : undefined
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    await Promise.all([this.#main.lane.close(), this.#spare.lane.close()])
  }

  /** Of one partition: enough that a fetch is always a step ahead, not so much that one starves the others. */
  #partitionBound(): number {
    const share = Math.floor(this.#settings.prefetchBytesMax / (2 * this.#states.length))
    return Math.max(1, Math.min(share, 4 * this.#settings.partitionFetchBytesMax))
  }

  #isUnchecked(state: PartitionState): boolean {
    return state.checking || state.isCheckDue(this.#leaderEpochOf(state))
  }

  #leaderEpochOf({ topic, partition }: PartitionState): number {
    return this.#cluster.partition(topic, partition)?.leaderEpoch ?? -1
  }

  #isCheckDue(state: PartitionState, leader: number, nowMs: number): boolean {
    const leaderEpoch = this.#leaderEpochOf(state)
    if (!state.isCheckDue(leaderEpoch)) return false
    if (!this.#mayRetry(state, nowMs)) return true
    state.checking = true
    const checks = this.#due.get(leader)
    if (checks === undefined) this.#due.set(leader, [{ state, leaderEpoch }])
    else checks.push({ state, leaderEpoch })
    return true
  }

  /** Positions against the leader's epochs: nothing is fetched of these partitions before the answer (KIP-320). */
  #check(leader: number, checks: readonly PositionCheck[]): void {
    const versions = checks.map(({ state }) => state.version)
    let asked: readonly AskedPosition[] = []
    const done = () => {
      for (const { state } of checks) state.checking = false
    }
    this.#cluster
      .to(leader)
      .then((connection) => {
        // One that was sought while the connection was waited for has no epoch to be asked about: reading goes on there.
        asked = checks
          .filter(({ state }, i) => state.version === versions[i])
          .map((check) => ({
            ...check,
            version: check.state.version,
            from: check.state.fetchFrom,
            epoch: check.state.fetchedEpoch,
          }))
        if (asked.length === 0) return undefined
        return epochEnds(connection, asked, this.#settings.requestTimeoutMs)
      })
      .then(
        (ends) => {
          done()
          for (const { state, version, leaderEpoch, from, epoch } of asked) {
            // A fetch that was under way has moved it on: the answer is about where it stood, and it is checked anew.
            if (state.version !== version || state.fetchFrom !== from || state.fetchedEpoch !== epoch) continue
            if (ends === undefined) state.checkedIn = leaderEpoch
            else this.#checked(state, leaderEpoch, ends.get(state.topic, state.partition))
          }
        },
        (error: unknown) => {
          done()
          this.#lost(
            error,
            checks.map(({ state }) => state),
          )
        },
      )
      .then(() => this.interrupt())
      .catch((error: unknown) => this.#events.failed(error instanceof Error ? error : new Error(String(error))))
  }

  #checked(state: PartitionState, leaderEpoch: number, end: EpochEnd | undefined): void {
    if (end?.error !== undefined) {
      this.#intake.refused(state, kafkaError(end.error, partitionName(state.topic, state.partition)))
      return
    }
    state.checkedIn = leaderEpoch
    state.failures = 0
    const isKnown = end !== undefined && end.endOffset >= 0 && end.leaderEpoch >= 0
    if (isKnown && end.endOffset >= (state.fetchFrom ?? 0)) return
    this.#events.truncated(state, isKnown ? end : undefined)
    this.#events.wake()
  }

  #mayRetry(state: PartitionState, nowMs: number): boolean {
    if (state.retryAtMs <= nowMs) return true
    this.#pumpAt(state.retryAtMs, nowMs)
    return false
  }

  #pumpAt(atMs: number, nowMs: number): void {
    if (atMs >= this.#timerAtMs || this.#closed) return
    this.#timer?.cancel()
    this.#timerAtMs = atMs
    const pump = () => {
      this.#timerAtMs = Number.POSITIVE_INFINITY
      this.interrupt()
    }
    this.#timer = this.#cluster.ports.clock.after(Math.max(0, atMs - nowMs), pump, 'background')
  }

  /** Who leads; -1 and on the way to finding out. */
  #leaderOf(state: PartitionState): number {
    const leader = this.#cluster.partition(state.topic, state.partition)?.leader ?? -1
    if (leader < 0) this.#refreshMetadata()
    return leader
  }

  #refreshMetadata(): void {
    if (this.#refreshing || this.#closed) return
    this.#refreshing = true
    const again = () => {
      this.#refreshing = false
      this.pump()
    }
    const topics = new Set(this.#states.map((state) => state.topic))
    const refresh = () => this.#cluster.refresh(topics).then(again, again)
    this.#cluster.ports.clock.after(this.#backoff.next(), () => void refresh(), 'background')
  }

  /** Returns how many bytes may come. */
  #fetch(way: Way, { source, hungry, all }: FetchPlan, room: number): number {
    const { fetchWaitMs, partitionFetchBytesMax } = this.#settings
    const longest = way === this.#main ? (all ? fetchWaitMs : partialWaitMs) : spareWaitMs
    const inFlight: InFlight = {
      abort: new AbortController(),
      long: way === this.#main && all,
      connection: undefined,
    }
    way.inFlight.set(source, inFlight)
    const asked = hungry.map((state) => ({ state, version: state.version }))
    for (const { state, version } of asked) state.fetchingVersion = version
    const bytes = { all: Math.min(room, 0x7fff_ffff), each: partitionFetchBytesMax }
    const done = () => {
      if (way.inFlight.get(source) === inFlight) way.inFlight.delete(source)
      for (const { state, version } of asked) if (state.fetchingVersion === version) state.fetchingVersion = -1
    }
    this.#exchange(way, source, inFlight, asked, bytes, Math.min(longest, fetchWaitMs))
      .then(
        (changed) => {
          done()
          if (changed) this.#events.wake()
        },
        (error: unknown) => {
          done()
          if (!inFlight.abort.signal.aborted) this.#lost(error, hungry)
        },
      )
      .then(() => this.pump())
      // A bug of ours must not end the loop in silence.
      .catch((error: unknown) => this.#events.failed(error instanceof Error ? error : new Error(String(error))))
    return Math.min(room, bytes.each * hungry.length)
  }

  /** Returns whether a waiting poll has something to look at. */
  async #exchange(
    way: Way,
    source: number,
    inFlight: InFlight,
    asked: readonly Asked[],
    bytes: { readonly all: number; readonly each: number },
    maxWaitMs: number,
  ): Promise<boolean> {
    const connection = way.lane.established(source) ?? (await way.lane.to(source))
    inFlight.connection = connection
    const session = way === this.#main ? this.#sessionWith(connection) : undefined
    // To wait for the connection may have taken past a new leader epoch: what has to be checked is not fetched.
    const still = asked.filter(({ state, version }) => state.version === version && !this.#isUnchecked(state))
    if (still.length === 0 || this.#closed) return false
    const wanted = still.map(({ state }) => this.#wanted(state))
    const turn = session?.next(wanted) ?? withoutSession(wanted)
    const { clock } = this.#cluster.ports
    const sentMs = clock.monotonicMs()
    const timeoutMs = maxWaitMs + this.#settings.requestTimeoutMs
    const request = fetchRequest(turn, bytes, maxWaitMs, this.#settings)
    if (turn.sessionEpoch <= 0) this.#metrics.fullFetches.add()
    try {
      const answer = await connection.send('fetch', request, { timeoutMs, signal: inFlight.abort.signal })
      this.#metrics.fetches.add()
      this.#metrics.fetchSeconds.observe((clock.monotonicMs() - sentMs) / 1_000)
      const code = errorCodeOf(answer.errorCode)
      if (code === 'NONE') session?.answered(answer.sessionId)
      else {
        session?.failed(code)
        // A session that the broker does not know any more costs one fetch that names everything.
        if (turn.sessionEpoch > 0 && isOfSession(code)) return false
        throw kafkaError(code, 'fetch')
      }
      this.#backoff.reset()
      const changed = this.#intake.take(answer, still)
      if (changed) this.#metrics.bufferedBytes.set(this.bufferedBytes)
      return changed
    } catch (error) {
      session?.failed(undefined)
      throw error
    }
  }

  /** In the same process there is nothing to save. */
  #sessionWith(connection: Connection): FetchSession | undefined {
    if (connection.abortsAtOnce === true) return undefined
    const { nodeId } = connection.node
    const known = this.#sessions.get(nodeId) ?? new FetchSession()
    this.#sessions.set(nodeId, known)
    return known
  }

  #wanted(state: PartitionState): WantedPartition {
    const { topic, partition, fetchFrom } = state
    const topicId = this.#cluster.topic(topic)?.topicId ?? zeroUuid
    return { topic, partition, topicId, leaderEpoch: this.#leaderEpochOf(state), fetchOffset: fetchFrom ?? 0 }
  }

  /** The whole request failed. */
  #lost(error: unknown, hungry: readonly PartitionState[]): void {
    if (this.#closed) return
    const remedy = remedyFor(error)
    this.#cluster.ports.log.debug('a fetch failed', { error: messageOf(error), remedy })
    for (const state of hungry) {
      state.replica = undefined
      this.#intake.postpone(state)
    }
    if (remedy === 'refresh-metadata') this.#refreshMetadata()
    else if (remedy !== 'retry') this.#events.failed(error instanceof Error ? error : new Error(String(error)))
  }
}

function isOfSession(code: KafkaErrorCode): boolean {
  return (
    code === 'FETCH_SESSION_ID_NOT_FOUND' ||
    code === 'INVALID_FETCH_SESSION_EPOCH' ||
    code === 'FETCH_SESSION_TOPIC_ID_ERROR'
  )
}
