import type { GroupMetadata, PolledBatch } from '@millrace/client'
import type { Cluster, PollingConsumer } from '@millrace/client/internal'
import { codeOf, offset, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { loadedClient } from '../client-module.ts'
import type { ConsumerEvents, ConsumerRunConfig } from '../consumer.ts'
import type { Emitter } from '../emitter.ts'
import { KafkaJSNumberOfRetriesExceeded, KafkaJSProtocolError } from '../errors.ts'
import { protocolFailure, toKafkaJS } from '../failure.ts'
import type { Logger } from '../logger.ts'
import type { TopicPartitionOffset, TopicPartitions } from '../message.ts'
import { final, isRetriable, RetryPauses } from '../retry.ts'
import type { KnownMember } from './known-members.ts'
import { LaneWorker, type WorkerHost } from './lane-worker.ts'
import { OffsetBook } from './offset-book.ts'
import { PartitionLane } from './partition-lane.ts'
import type { PauseTarget } from './pause-book.ts'
import { RoundTeller } from './round-teller.ts'
import type { RunnerParts } from './runner-parts.ts'

const earliest = -2
const latest = -1
const rebalancing = new Set(['REBALANCE_IN_PROGRESS', 'ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'NOT_COORDINATOR'])

/**
 * One membership from join to leave. A loop polls all the while, so that the group's rounds go on beside the program's
 * work; what it fetches waits in lanes, one a partition, until a worker is free.
 */
export class Runner implements WorkerHost, KnownMember {
  readonly clock
  readonly emitter: Emitter
  readonly events: ConsumerEvents
  readonly logger: Logger
  readonly config: ConsumerRunConfig
  readonly offsets: OffsetBook
  readonly #parts: RunnerParts
  readonly #consumer: PollingConsumer
  readonly #lanes = new TopicPartitionMap<PartitionLane>()
  readonly #worker: LaneWorker
  readonly #ready: PartitionLane[] = []
  readonly #seeks = new TopicPartitionMap<number>()
  readonly #abort = new AbortController()
  readonly #joined: Promise<void>
  #onJoined: () => void = () => {}
  #wake: (() => void) | undefined
  #loop: Promise<void> = Promise.resolve()
  #active = 0
  readonly #rounds: RoundTeller
  #lastProgressMs: number
  #hasProgressed = false
  #running = true
  #background: Promise<void> | undefined

  constructor(cluster: Cluster, parts: RunnerParts) {
    this.#parts = parts
    this.clock = parts.link.ports.clock
    this.emitter = parts.emitter
    this.events = parts.events
    this.logger = parts.logger.namespace('Runner')
    this.config = parts.config
    this.#lastProgressMs = this.clock.monotonicMs()
    this.#consumer = new (loadedClient().PollingConsumer)(
      cluster,
      { ...parts.options, assignors: parts.assignors },
      () => {},
    )
    const { autoCommit = true, autoCommitInterval = null, autoCommitThreshold = null } = parts.config
    const auto = { enabled: autoCommit, intervalMs: autoCommitInterval, threshold: autoCommitThreshold }
    this.offsets = new OffsetBook(this.#consumer, this.#lanes, this.clock, auto, (topics) => {
      this.emitter.emit(this.events.COMMIT_OFFSETS, { ...this.#member(), topics })
    })
    this.#worker = new LaneWorker(this)
    this.#rounds = new RoundTeller(parts, this.#consumer, this.logger)
    this.#joined = new Promise((resolve) => {
      this.#onJoined = resolve
    })
  }

  get isRunning(): boolean {
    return this.#running
  }

  get groupId(): string {
    return this.#parts.groupId
  }

  owns(topic: string, partition: number): boolean {
    return this.#lanes.has(topic, partition)
  }

  membership(): GroupMetadata | undefined {
    return this.#consumer.groupMetadata()
  }

  /** Resolves with the first assignment, or when the run has crashed before it. */
  start(): Promise<void> {
    const { watcher, groupId, topics } = this.#parts
    watcher.begin(groupId, (memberId) => {
      this.logger.warn('The group is rebalancing, re-joining', { groupId, memberId })
      this.emitter.emit(this.events.REBALANCING, { groupId, memberId })
    })
    this.#consumer.subscribe(topics, {
      onAssigned: (partitions) => this.#assigned(partitions),
      onRevoked: (partitions) => this.#revoked(partitions, 'commit'),
      onLost: (partitions) => this.#revoked(partitions, 'forget'),
    })
    this.#loop = this.#run()
    return this.#joined
  }

  /** Lets the program finish the messages it has, commits what is done and leaves the group. */
  async stop(): Promise<void> {
    this.#running = false
    this.#abort.abort()
    this.#wake?.()
    await this.#loop
    try {
      await this.#consumer.close()
    } catch (error) {
      this.logger.debug(`Leaving the group failed: ${toKafkaJS(error).message}`)
    }
    this.#onJoined()
  }

  seek({ topic, partition, offset: text }: TopicPartitionOffset): void {
    const to = Number(text)
    const lane = this.#lanes.get(topic, partition)
    if (lane === undefined) this.#seeks.set(topic, partition, to)
    else {
      lane.sought = to
      lane.clear()
      if (!lane.busy) this.#applySeek(lane)
    }
  }

  pause(lane: PartitionLane): () => void {
    const target = { topic: lane.topic, partitions: [lane.partition] }
    this.pauseTargets([target])
    return () => this.resumeTargets([target])
  }

  pauseTargets(targets: readonly PauseTarget[]): void {
    for (const target of targets) this.#parts.pauses.pause(target)
    this.#tendFetching()
  }

  resumeTargets(targets: readonly PauseTarget[]): void {
    for (const target of targets) this.#parts.pauses.resume(target)
    this.#tendFetching()
    for (const lane of this.#lanes.values()) this.#schedule(lane)
  }

  isPaused({ topic, partition }: PartitionLane): boolean {
    return this.#parts.pauses.isPaused(topic, partition)
  }

  paused(): TopicPartitions[] {
    const byTopic = new Map<string, number[]>()
    for (const lane of this.#lanes.values()) {
      if (this.isPaused(lane)) byTopic.set(lane.topic, [...(byTopic.get(lane.topic) ?? []), lane.partition])
    }
    return [...byTopic].map(([topic, partitions]) => ({ topic, partitions: partitions.sort((a, b) => a - b) }))
  }

  async heartbeat(lane: PartitionLane): Promise<void> {
    this.#hasProgressed = true
    if (lane.revoked) throw new KafkaJSProtocolError(protocolFailure('REBALANCE_IN_PROGRESS'))
  }

  /** Called for each message: looks at no clock. */
  progressed(lane: PartitionLane): void {
    this.#hasProgressed = true
    lane.pauses = undefined
  }

  async #run(): Promise<void> {
    const { maxBytesPerPartition, maxBytes } = this.#parts
    while (this.#running) {
      try {
        if (this.#isStuck()) await this.#pause(1_000)
        else if (this.#queuedBytes() >= maxBytes) {
          await this.#consumer.poll({ timeoutMs: 0, bytesMax: 0 })
          await this.#pause(1_000)
        } else {
          const batches = await this.#consumer.poll({
            timeoutMs: 1_000,
            bytesMax: maxBytesPerPartition,
            signal: this.#abort.signal,
          })
          this.#take(batches)
          if (batches.length === 0) this.#stepOverMarkers()
        }
      } catch (error) {
        if (!this.#running) return
        this.#crash(error)
        return
      }
    }
  }

  /** Nothing done for a whole session while there is something to do: the group shall find out. */
  #isStuck(): boolean {
    if (this.#active === 0 || this.#hasProgressed) this.#lastProgressMs = this.clock.monotonicMs()
    this.#hasProgressed = false
    return this.clock.monotonicMs() - this.#lastProgressMs >= this.#parts.sessionTimeoutMs
  }

  #take(batches: readonly PolledBatch[]): void {
    for (const batch of batches) {
      const lane = this.#lanes.get(batch.topic, batch.partition)
      if (lane === undefined) continue // of a topic that is not subscribed
      // The program has sought since: the position is not behind what was polled any more.
      if (lane.sought !== undefined || this.#isLeftBehind(batch, batches)) continue
      lane.committed ??= batch.from
      lane.put(batch)
      this.#schedule(lane)
    }
    if (batches.length > 0) this.#tendFetching()
  }

  #isLeftBehind({ topic, partition }: PolledBatch, polled: readonly PolledBatch[]): boolean {
    const last = polled.findLast((batch) => batch.partition === partition && batch.topic === topic)
    return this.#consumer.position({ topic, partition }) !== last?.next
  }

  #queuedBytes(): number {
    let bytes = 0
    for (const lane of this.#lanes.values()) bytes += lane.queuedBytes
    return bytes
  }

  /** Fetches for whom there is room and the program wants it. */
  #tendFetching(): void {
    const { maxBytesPerPartition } = this.#parts
    const hold: TopicPartition[] = []
    const release: TopicPartition[] = []
    for (const lane of this.#lanes.values()) {
      const full = lane.queuedBytes >= (lane.held ? maxBytesPerPartition : 2 * maxBytesPerPartition)
      const held = full || this.isPaused(lane)
      if (held === lane.held) continue
      lane.held = held
      const list = held ? hold : release
      list.push({ topic: lane.topic, partition: lane.partition })
    }
    if (hold.length > 0) this.#consumer.pause(hold)
    if (release.length > 0) this.#consumer.resume(release)
  }

  #schedule(lane: PartitionLane): void {
    if (lane.busy || lane.listed || lane.isEmpty || lane.rest !== undefined || lane.isStale) return
    if (this.isPaused(lane)) return
    lane.listed = true
    this.#ready.push(lane)
    this.#startWork()
  }

  #startWork(): void {
    const most = Math.max(1, this.config.partitionsConsumedConcurrently ?? 1)
    while (this.#running && this.#active < most) {
      const lane = this.#ready.shift()
      if (lane === undefined) return
      lane.listed = false
      if (lane.isEmpty || lane.isStale || this.isPaused(lane)) continue
      this.#active++
      this.#work(lane).finally(() => {
        this.#active--
        this.#wake?.()
        this.#schedule(lane)
        this.#startWork()
      })
    }
  }

  async #work(lane: PartitionLane): Promise<void> {
    const { maxBytesPerPartition, watcher } = this.#parts
    const highWatermark = watcher.highWatermarks.get(lane.topic, lane.partition) ?? -1
    const batch = lane.take(maxBytesPerPartition, highWatermark)
    if (batch === undefined) return
    lane.begin()
    let failure: unknown
    try {
      await this.#worker.process(lane, batch)
    } catch (error) {
      failure = error
    }
    const done = Math.max(batch.from, Math.min(lane.resolved ?? batch.from, batch.next))
    if (done < batch.next && !lane.isStale) lane.putBack(batch, done)
    lane.end()
    if (lane.sought !== undefined && !lane.revoked) this.#applySeek(lane)
    if (failure !== undefined) this.#failed(lane, failure)
    else if (done < batch.next && done === batch.from && !lane.isStale && !this.isPaused(lane)) this.#rest(lane, 100)
    this.#commitSoon()
    this.#tendFetching()
  }

  /** The program threw. Its partition rests a while and is tried again, until it has failed too often. */
  #failed(lane: PartitionLane, caught: unknown): void {
    const error = toKafkaJS(caught)
    if (!this.#running || lane.revoked || isRebalance(error)) return
    if (!isRetriable(error)) {
      this.#crash(final(error))
      return
    }
    lane.pauses ??= new RetryPauses(this.#parts.link.retry, this.#parts.link.ports.random)
    const { pauses } = lane
    if (pauses.isOver) this.#crash(new KafkaJSNumberOfRetriesExceeded(error, pauses))
    else this.#rest(lane, pauses.next())
  }

  #rest(lane: PartitionLane, pauseMs: number): void {
    if (!this.#running) return
    lane.rest?.cancel()
    lane.rest = this.clock.after(pauseMs, () => {
      lane.rest = undefined
      this.#schedule(lane)
    })
  }

  /** Commits beside the work; what comes in meanwhile is committed next. */
  #commitSoon(): void {
    if (this.config.autoCommit === false || this.#background !== undefined) return
    if (this.offsets.uncommitted().topics.length === 0) return
    this.#background = this.offsets.commitResolved().then(
      () => {
        this.#background = undefined
        if (this.#running) this.#commitSoon()
      },
      (error: unknown) => {
        this.#background = undefined
        if (this.#running && !isRebalance(toKafkaJS(error))) this.#crash(error)
      },
    )
  }

  /** Offsets that hold no message for the program: nobody but us can step over them. */
  #stepOverMarkers(): void {
    let stepped = false
    for (const lane of this.#lanes.values()) {
      if (lane.busy || !lane.isEmpty || lane.isStale || lane.resolved === undefined) continue
      const position = this.#consumer.position({ topic: lane.topic, partition: lane.partition })
      if (position === undefined || position <= lane.resolved) continue
      lane.resolved = position
      stepped = true
    }
    if (stepped) this.#commitSoon()
  }

  #applySeek(lane: PartitionLane): void {
    const { topic, partition, sought } = lane
    if (sought === undefined) return
    const at = { topic, partition }
    lane.clear()
    lane.committed = undefined
    if (sought < 0) {
      lane.resolved = undefined
      this.#seekEnd(lane, sought)
      return
    }
    lane.sought = undefined
    lane.resolved = sought
    this.#consumer.seek(at, offset(sought))
    this.#commitSoon()
    this.#wake?.()
  }

  /** The end has to be asked for; until then nothing of the partition is handed over. */
  #seekEnd(lane: PartitionLane, sought: number): void {
    const at = [{ topic: lane.topic, partition: lane.partition }]
    const seeking = sought === earliest ? this.#consumer.seekToBeginning(at) : this.#consumer.seekToEnd(at)
    seeking.then(
      () => {
        if (lane.sought === sought) lane.sought = undefined
        lane.clear()
        this.#wake?.()
      },
      (error: unknown) => {
        if (!lane.revoked) this.#crash(error)
      },
    )
  }

  #assigned(partitions: readonly TopicPartition[]): void {
    const { topics } = this.#parts
    for (const { topic, partition } of partitions) {
      if (!topics.includes(topic)) continue
      const lane = this.#lanes.get(topic, partition) ?? new PartitionLane(topic, partition)
      this.#lanes.set(topic, partition, lane)
      const sought = this.#seeks.get(topic, partition)
      if (sought === undefined) continue
      this.#seeks.delete(topic, partition)
      lane.sought = sought
      this.#applySeek(lane)
    }
    this.#tendFetching()
    if (this.#rounds.tell()) this.#onJoined()
  }

  async #revoked(partitions: readonly TopicPartition[], then: 'commit' | 'forget'): Promise<void> {
    const lanes = partitions.flatMap(({ topic, partition }) => this.#lanes.get(topic, partition) ?? [])
    for (const lane of lanes) {
      lane.revoked = true
      lane.clear()
    }
    await Promise.all(lanes.map((lane) => lane.idle()))
    try {
      if (then === 'commit' && this.config.autoCommit !== false) await this.offsets.commitResolved(lanes)
    } catch (error) {
      // Whoever owns them next reads on from the last commit.
      this.logger.warn(`Committing before a rebalance failed: ${toKafkaJS(error).message}`)
    }
    for (const { topic, partition } of lanes) this.#lanes.delete(topic, partition)
  }

  #member() {
    const member = this.#consumer.groupMetadata()
    const { groupId } = this.#parts
    return { groupId, memberId: member?.memberId ?? '', groupGenerationId: member?.generation ?? -1 }
  }

  #crash(caught: unknown): void {
    if (!this.#running) return
    this.#running = false
    this.#abort.abort()
    this.#onJoined()
    this.#parts.onCrash(toKafkaJS(caught))
  }

  /** Until something has changed, at most so long. */
  async #pause(ms: number): Promise<void> {
    const timer = this.clock.after(ms, () => this.#wake?.())
    await new Promise<void>((resolve) => {
      this.#wake = resolve
    })
    this.#wake = undefined
    timer.cancel()
  }
}

function isRebalance(error: Error): boolean {
  return (
    rebalancing.has(codeOf(error.cause) ?? '') || (error instanceof KafkaJSProtocolError && rebalancing.has(error.type))
  )
}

/** Offsets that stand for an end of the partition. */
export const specialOffsets: readonly number[] = [latest, earliest]
