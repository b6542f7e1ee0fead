import {
  kafkaError,
  MiB,
  MillraceError,
  messageOf,
  type Offset,
  offset,
  partitionName,
  remedyFor,
  type TopicPartition,
  TopicPartitionMap,
} from '@millrace/kernel'
import { orAborted, throwIfAborted } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { earliest, latest, listOffsets } from '../cluster/list-offsets.ts'
import { assertTopicName } from '../cluster/topic-name.ts'
import type {
  CallOptions,
  Consumer,
  ConsumerOptions,
  GroupMetadata,
  PollOptions,
  RebalanceListener,
} from '../consumer.ts'
import type { OffsetAndMetadata, PolledBatch } from '../records.ts'
import { Assignment } from './assignment.ts'
import { ConsumerMetrics } from './consumer-metrics.ts'
import { type ConsumerSettings, consumerSettings } from './consumer-settings.ts'
import { Coordinator } from './coordinator.ts'
import type { EpochEnd } from './epoch-ends.ts'
import { Fetcher } from './fetcher.ts'
import { GroupPositions } from './group-positions.ts'
import { Interceptors } from './interceptors.ts'
import { Membership } from './membership.ts'
import type { PartitionState } from './partition-state.ts'
import { findPositions } from './positions.ts'
import { Rebalancer } from './rebalancer.ts'
import { Subscription } from './subscription.ts'
import { WakeUp } from './wake-up.ts'

/** The consumer: positions, hooks and what was fetched. Hooks are called from `poll` and `close` only. */
export class PollingConsumer implements Consumer {
  readonly #cluster: Cluster
  readonly #settings: ConsumerSettings
  readonly #metrics: ConsumerMetrics
  readonly #interceptors: Interceptors
  readonly #fetcher: Fetcher
  readonly #coordinator: Coordinator | undefined
  readonly #group: GroupPositions | undefined
  readonly #onClose: () => void
  readonly #wakeUp: WakeUp
  readonly #assignment = new Assignment()
  #rebalancer: Rebalancer | undefined
  #failure: unknown
  #polling = false
  readonly #closing = new AbortController()
  #closed = false

  constructor(cluster: Cluster, options: ConsumerOptions, onClose: () => void) {
    this.#cluster = cluster
    this.#settings = consumerSettings(options)
    this.#onClose = onClose
    const { clock, metrics, log } = cluster.ports
    const { groupId, interceptors } = this.#settings
    this.#metrics = new ConsumerMetrics(metrics, groupId ?? '')
    this.#interceptors = new Interceptors(interceptors, this.#metrics.interceptorFailures, log)
    this.#wakeUp = new WakeUp(clock)
    this.#fetcher = new Fetcher(cluster, this.#settings, this.#metrics, {
      wake: () => this.#wakeUp.wake(),
      outOfRange: (state) => this.#outOfRange(state),
      truncated: (state, end) => this.#truncated(state, end),
      failed: (error) => this.#fail(error),
    })
    if (groupId === undefined) return
    this.#coordinator = new Coordinator(cluster, groupId)
    this.#group = new GroupPositions(
      cluster,
      this.#coordinator,
      this.#settings,
      this.#assignment,
      this.#metrics,
      this.#interceptors,
    )
  }

  subscribe(topics: readonly string[] | RegExp, listener: RebalanceListener = {}): void {
    this.#assertOpen()
    const coordinator = this.#ofGroup(this.#coordinator, 'subscribe')
    if (this.#rebalancer === undefined && this.#assignment.states.length > 0) {
      throw new MillraceError('STATE', 'partitions are assigned by hand: a consumer either subscribes or assigns')
    }
    const { groupId } = coordinator
    const subscription = new Subscription(this.#cluster, topics, groupId, this.#settings.allowAutoCreateTopics, {
      changed: () => {
        this.#rebalancer?.membership.requestRejoin()
        this.#wakeUp.wake()
      },
    })
    if (this.#rebalancer !== undefined) {
      this.#rebalancer.subscribe(subscription, listener)
      return
    }
    const wake = () => this.#wakeUp.wake()
    const membership = new Membership(this.#cluster, coordinator, groupId, this.#settings, this.#metrics, wake)
    const effects = {
      owned: () => this.assignment(),
      assign: (partitions: readonly TopicPartition[]) => this.#assign(partitions),
      commit: async () => this.#group?.commitPolled(membership),
    }
    const { cooperative } = this.#settings
    this.#rebalancer = new Rebalancer(this.#cluster, membership, cooperative, effects, subscription, listener)
  }

  subscription(): readonly string[] {
    return this.#rebalancer?.subscription.topics ?? []
  }

  assign(partitions: readonly TopicPartition[]): void {
    this.#assertOpen()
    if (this.#rebalancer !== undefined) {
      throw new MillraceError('STATE', 'the consumer has subscribed: a consumer either subscribes or assigns')
    }
    for (const { topic } of partitions) assertTopicName(topic)
    this.#assign(partitions)
  }

  assignment(): readonly TopicPartition[] {
    return this.#assignment.partitions()
  }

  async poll(options: PollOptions = {}): Promise<readonly PolledBatch[]> {
    this.#assertOpen()
    if (this.#polling) throw new MillraceError('STATE', 'one poll at a time')
    this.#polling = true
    const membership = this.#rebalancer?.membership
    membership?.pollBegins()
    try {
      const timeoutMs = options.timeoutMs ?? 1_000
      const batches = await this.#poll(timeoutMs, options.bytesMax ?? MiB, options.signal)
      return batches.length === 0 ? batches : this.#interceptors.consumed(batches)
    } finally {
      this.#polling = false
      membership?.pollEnds()
    }
  }

  async #poll(timeoutMs: number, bytesMax: number, signal: AbortSignal | undefined): Promise<readonly PolledBatch[]> {
    const { clock } = this.#cluster.ports
    const deadline = clock.monotonicMs() + timeoutMs
    this.#group?.autoCommit(this.#rebalancer?.membership)
    for (;;) {
      this.#wakeUp.reset()
      throwIfAborted(signal)
      this.#assertOpen()
      this.#throwFailure()
      this.#failure ??= await this.#rebalancer?.tend(signal)
      this.#throwFailure()
      this.#findPositions()
      const batches = this.#assignment.take(bytesMax)
      this.#fetcher.pump()
      if (batches.length > 0) return this.#polled(batches)
      // Whoever reads to an end must learn that it is reached, though its last record is hidden.
      if (this.#assignment.takeSkips()) return batches
      const leftMs = deadline - clock.monotonicMs()
      if (leftMs <= 0) return batches
      await this.#wakeUp.wait(leftMs, signal)
    }
  }

  #polled(batches: readonly PolledBatch[]): readonly PolledBatch[] {
    let bytes = 0
    for (const { batch } of batches) bytes += batch.length
    this.#metrics.polledBytes.add(bytes)
    return batches
  }

  #assign(partitions: readonly TopicPartition[]): void {
    for (const state of this.#assignment.set(partitions)) state.lagGauge?.set(Number.NaN)
    this.#cluster.track(partitions.map(({ topic }) => topic))
    this.#fetcher.assign(this.#assignment.states)
    this.#findPositions()
  }

  #findPositions(): void {
    const isLost = (state: PartitionState) => state.position === undefined && !state.isFinding
    if (this.#closed || !this.#assignment.states.some(isLost)) return
    const group = this.#group
    const { signal } = this.#closing
    const committed = group === undefined ? undefined : (at: readonly TopicPartition[]) => group.read(at, signal)
    let isMoved = false
    const moved = () => {
      isMoved = true
      this.#wakeUp.wake()
    }
    findPositions(this.#assignment.states.filter(isLost), this.#cluster, this.#settings, committed, moved, signal)
      .catch((error: unknown) => this.#notFound(error))
      .finally(() => {
        // Only for those: where one position cannot be found, fetches of the others must come to their ends.
        if (isMoved) this.#fetcher.interrupt()
        this.#wakeUp.wake()
      })
  }

  /** What may be over soon is tried again: `poll` has nothing to say but that there is nothing yet. */
  #notFound(error: unknown): void {
    const remedy = remedyFor(error)
    if (remedy !== 'retry' && remedy !== 'refresh-metadata') this.#fail(error)
    else if (!this.#closed) {
      this.#cluster.ports.log.warn('positions are not found yet, looked for again', { error: messageOf(error) })
    }
  }

  #outOfRange(state: PartitionState): void {
    const autoOffsetReset = this.#settings.autoOffsetReset(state.topic)
    if (autoOffsetReset === 'none') {
      const detail = `The position ${state.fetchFrom} is gone, and autoOffsetReset is "none": seek.`
      state.retryAtMs = this.#cluster.ports.clock.monotonicMs() + 1_000
      this.#fail(kafkaError('OFFSET_OUT_OF_RANGE', partitionName(state.topic, state.partition), detail))
      return
    }
    this.#metrics.resets.add()
    const { log } = this.#cluster.ports
    log.warn('the position is gone, reset', { topic: state.topic, partition: state.partition, autoOffsetReset })
    state.moveTo(undefined)
    state.reset = autoOffsetReset
    this.#findPositions()
  }

  /** Lost with an unclean start or leader: reading goes on where the log parts from what was read, as Kafka's does. */
  #truncated(state: PartitionState, end: EpochEnd | undefined): void {
    const { log } = this.#cluster.ports
    const { topic, partition, fetchFrom, position } = state
    this.#metrics.truncations.add()
    log.warn('the log has lost records that were read', { topic, partition, fetchFrom, endOffset: end?.endOffset })
    if (this.#settings.autoOffsetReset(topic) === 'none' || end === undefined || position === undefined) {
      this.#outOfRange(state)
      return
    }
    if (end.endOffset >= position) state.discard()
    else state.moveTo(offset(end.endOffset), end.leaderEpoch)
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#assignment.state(at).paused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#assignment.state(at).paused = false
    this.#fetcher.interrupt()
    this.#wakeUp.wake()
  }

  paused(): readonly TopicPartition[] {
    return this.#assignment.states.filter((state) => state.paused).map(({ topic, partition }) => ({ topic, partition }))
  }

  seek(partition: TopicPartition, to: Offset): void {
    this.#assignment.state(partition).moveTo(to)
    this.#fetcher.interrupt()
  }

  async seekToBeginning(partitions: readonly TopicPartition[], options?: CallOptions): Promise<void> {
    await this.#seekToTime(partitions, earliest, options)
  }

  async seekToEnd(partitions: readonly TopicPartition[], options?: CallOptions): Promise<void> {
    await this.#seekToTime(partitions, latest, options)
  }

  async #seekToTime(partitions: readonly TopicPartition[], time: number, options?: CallOptions): Promise<void> {
    for (const at of partitions) this.#assignment.state(at)
    for (const [at, found] of await this.#listOffsets(timesOf(partitions, time), options)) this.seek(at, found)
  }

  position(partition: TopicPartition): Offset | undefined {
    return this.#assignment.state(partition).position
  }

  currentLag(partition: TopicPartition): number | undefined {
    return this.#assignment.state(partition).lag
  }

  async commit(offsets: TopicPartitionMap<OffsetAndMetadata>, { signal }: CallOptions = {}): Promise<void> {
    this.#assertOpen()
    await this.#ofGroup(this.#group, 'commit').commit(offsets, this.#rebalancer?.membership, signal)
  }

  async committed(
    partitions: readonly TopicPartition[],
    { signal }: CallOptions = {},
  ): Promise<TopicPartitionMap<OffsetAndMetadata>> {
    return this.#ofGroup(this.#group, 'committed').read(partitions, signal)
  }

  async offsetsForTimes(at: TopicPartitionMap<number>, options: CallOptions = {}): Promise<TopicPartitionMap<Offset>> {
    const found = await this.#listOffsets(at, options)
    const missing = [...at].map(([partition]) => partition).filter((p) => !found.has(p.topic, p.partition))
    if (missing.length === 0) return found
    for (const [{ topic, partition }, end] of await this.endOffsets(missing, options)) found.set(topic, partition, end)
    return found
  }

  beginningOffsets(partitions: readonly TopicPartition[], options?: CallOptions): Promise<TopicPartitionMap<Offset>> {
    return this.#listOffsets(timesOf(partitions, earliest), options)
  }

  endOffsets(partitions: readonly TopicPartition[], options?: CallOptions): Promise<TopicPartitionMap<Offset>> {
    return this.#listOffsets(timesOf(partitions, latest), options)
  }

  async #listOffsets(at: TopicPartitionMap<number>, options: CallOptions = {}): Promise<TopicPartitionMap<Offset>> {
    const { isolation, requestTimeoutMs: timeoutMs } = this.#settings
    const found = new TopicPartitionMap<Offset>()
    const asked = { isolation, timeoutMs, signal: options.signal }
    for (const [{ topic, partition }, offset] of await listOffsets(this.#cluster, at, asked)) {
      if (offset !== undefined) found.set(topic, partition, offset)
    }
    return found
  }

  groupMetadata(): GroupMetadata | undefined {
    return this.#rebalancer?.membership.metadata
  }

  requestRejoin(): void {
    this.#rebalancer?.membership.requestRejoin()
  }

  async close({ signal }: CallOptions = {}): Promise<void> {
    if (this.#closed) return
    // Closed it is in any case: who gives up does so with what a close would still have liked to tell the group.
    const unlessAborted = (telling: Promise<void> | undefined) => {
      return orAborted(telling ?? Promise.resolve(), signal).catch((error: unknown) => {
        if (signal?.aborted !== true) throw error
      })
    }
    try {
      if (this.#rebalancer !== undefined) await this.#rebalancer.leave(signal)
      else await unlessAborted(this.#group?.commitPolled(undefined))
    } finally {
      this.#closed = true
      this.#closing.abort()
      this.#wakeUp.wake()
      await unlessAborted(this.#rebalancer?.membership.leave('the consumer was closed'))
      for (const state of this.#assignment.set([])) state.lagGauge?.set(Number.NaN)
      await Promise.all([this.#fetcher.close(), this.#coordinator?.close()])
      await this.#interceptors.close()
      this.#onClose()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #ofGroup<T>(part: T | undefined, call: string): T {
    if (part !== undefined) return part
    throw new MillraceError('STATE', `${call} needs a group`, { fix: 'Set groupId.' })
  }

  #assertOpen(): void {
    if (this.#closed) throw new MillraceError('CLOSED', 'the consumer is closed')
  }

  #fail(error: unknown): void {
    if (this.#closed) return
    this.#failure ??= error
    this.#wakeUp.wake()
  }

  #throwFailure(): void {
    const failure = this.#failure
    if (failure === undefined) return
    this.#failure = undefined
    throw failure
  }
}

function timesOf(partitions: readonly TopicPartition[], time: number): TopicPartitionMap<number> {
  const times = new TopicPartitionMap<number>()
  for (const { topic, partition } of partitions) times.set(topic, partition, time)
  return times
}
