import {
  kafkaError,
  MiB,
  MillraceError,
  messageOf,
  type Offset,
  offset,
  partitionName,
  type TopicPartition,
  TopicPartitionMap,
} from '@millrace/kernel'
import { throwIfAborted } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import { earliest, latest, listOffsets } from '../cluster/list-offsets.ts'
import type { Consumer, ConsumerOptions, GroupMetadata, RebalanceListener } from '../consumer.ts'
import type { OffsetAndMetadata, PolledBatch } from '../records.ts'
import { type ConsumerSettings, consumerSettings } from './consumer-settings.ts'
import { Coordinator } from './coordinator.ts'
import type { EpochEnd } from './epoch-ends.ts'
import { Fetcher } from './fetcher.ts'
import { type Committer, commitOffsets, fetchOffsets } from './group-offsets.ts'
import { type Joined, Membership } from './membership.ts'
import { PartitionState } from './partition-state.ts'
import { findPositions } from './positions.ts'
import { WakeUp } from './wake-up.ts'

/** The consumer: positions, hooks and what was fetched. Hooks are called from `poll` and `close` only. */
export class PollingConsumer implements Consumer {
  readonly #cluster: Cluster
  readonly #settings: ConsumerSettings
  readonly #fetcher: Fetcher
  readonly #coordinator: Coordinator | undefined
  readonly #onClose: () => void
  readonly #wakeUp: WakeUp
  #states = new TopicPartitionMap<PartitionState>()
  /** The same, in the order they take turns. */
  #order: readonly PartitionState[] = []
  #turn = 0
  #membership: Membership | undefined
  #topics: readonly string[] = []
  #listener: RebalanceListener = {}
  #failure: unknown
  #positioning = false
  #polling = false
  #closed = false
  #lastAutoCommitMs: number

  constructor(cluster: Cluster, options: ConsumerOptions, onClose: () => void) {
    this.#cluster = cluster
    this.#settings = consumerSettings(options)
    this.#onClose = onClose
    this.#wakeUp = new WakeUp(cluster.ports.clock)
    this.#lastAutoCommitMs = cluster.ports.clock.monotonicMs()
    this.#fetcher = new Fetcher(cluster, this.#settings, {
      wake: () => this.#wakeUp.wake(),
      outOfRange: (state) => this.#outOfRange(state),
      truncated: (state, end) => this.#truncated(state, end),
      failed: (error) => this.#fail(error),
    })
    const { groupId } = this.#settings
    this.#coordinator = groupId === undefined ? undefined : new Coordinator(cluster, groupId)
  }

  subscribe(topics: readonly string[], listener: RebalanceListener = {}): void {
    this.#assertOpen()
    const coordinator = this.#coordinatorOrThrow('subscribe')
    if (this.#membership === undefined && this.#order.length > 0) {
      throw new MillraceError('STATE', 'partitions are assigned by hand: a consumer either subscribes or assigns')
    }
    this.#topics = [...topics]
    this.#listener = listener
    this.#membership ??= new Membership(this.#cluster, coordinator, coordinator.groupId, this.#settings, () =>
      this.#wakeUp.wake(),
    )
    this.#membership.requestRejoin()
  }

  assign(partitions: readonly TopicPartition[]): void {
    this.#assertOpen()
    if (this.#membership !== undefined) {
      throw new MillraceError('STATE', 'the consumer has subscribed: a consumer either subscribes or assigns')
    }
    this.#setAssignment(partitions)
  }

  assignment(): readonly TopicPartition[] {
    return this.#order.map(({ topic, partition }) => ({ topic, partition }))
  }

  async poll(
    options: { timeoutMs?: number | undefined; bytesMax?: number | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<readonly PolledBatch[]> {
    this.#assertOpen()
    if (this.#polling) throw new MillraceError('STATE', 'one poll at a time')
    this.#polling = true
    this.#membership?.pollBegins()
    try {
      const timeoutMs = options.timeoutMs ?? 1_000
      return await this.#poll(timeoutMs, options.bytesMax ?? MiB, options.signal)
    } finally {
      this.#polling = false
      this.#membership?.pollEnds()
    }
  }

  async #poll(timeoutMs: number, bytesMax: number, signal: AbortSignal | undefined): Promise<readonly PolledBatch[]> {
    const { clock } = this.#cluster.ports
    const deadline = clock.monotonicMs() + timeoutMs
    this.#autoCommit()
    for (;;) {
      this.#wakeUp.reset()
      throwIfAborted(signal)
      this.#assertOpen()
      await this.#tendMembership()
      this.#throwFailure()
      this.#findPositions()
      const batches = this.#take(bytesMax)
      this.#fetcher.pump()
      if (batches.length > 0) return batches
      const leftMs = deadline - clock.monotonicMs()
      if (leftMs <= 0) return batches
      await this.#wakeUp.wait(leftMs, signal)
    }
  }

  /** Partitions take turns, batch by batch. */
  #take(bytesMax: number): PolledBatch[] {
    const taken: PolledBatch[] = []
    let bytes = 0
    let without = 0
    while (without < this.#order.length && bytes < bytesMax) {
      const state = this.#order[this.#turn++ % this.#order.length]!
      const next = state.paused ? undefined : state.buffered[0]
      if (next === undefined) {
        without++
        continue
      }
      if (taken.length > 0 && bytes + next.batch.length > bytesMax) break
      without = 0
      bytes += next.batch.length
      taken.push(next)
      state.take()
    }
    if (this.#turn > 1e9) this.#turn %= this.#order.length
    return taken
  }

  /** What the group wants of this member, hook by hook. */
  async #tendMembership(): Promise<void> {
    const membership = this.#membership
    if (membership === undefined) return
    for (;;) {
      const failure = membership.takeFailure()
      if (failure !== undefined) this.#failure ??= failure
      switch (membership.standing) {
        case 'joining':
        case 'stable':
          return
        case 'lost':
          await this.#lose()
          membership.acknowledgeLoss()
          break
        case 'outside':
        case 'rejoin':
          // Told first: a member that was fenced does not take its name back unasked.
          if (this.#failure !== undefined) return
          await this.#prepareJoin(membership)
          break
        case 'joined': {
          const joined = membership.takeJoined()
          if (joined === undefined) return
          await this.#takeIn(joined, membership)
          break
        }
      }
    }
  }

  /** Eager members give everything up before a round; cooperative ones only what they read no longer. */
  async #prepareJoin(membership: Membership): Promise<void> {
    if (membership.standing === 'outside') await this.#lose()
    else if (this.#settings.cooperative) {
      const topics = new Set(this.#topics)
      await this.#revoke(this.assignment().filter(({ topic }) => !topics.has(topic)))
    } else await this.#revoke(this.assignment())
    // A hook may take long enough for the session to end.
    if (!membership.lost) membership.join(this.#topics, this.assignment())
  }

  /** The outcome of a round, hook by hook: what goes, then what is new. */
  async #takeIn(joined: Joined, membership: Membership): Promise<void> {
    const { partitions, userData, assignor, generation } = joined
    this.#cluster.track(partitions.map(({ topic }) => topic))
    const added = partitions.filter(({ topic, partition }) => !this.#states.has(topic, partition))
    const kept = new TopicPartitionMap<true>()
    for (const { topic, partition } of partitions) kept.set(topic, partition, true)
    const revoked = this.assignment().filter(({ topic, partition }) => !kept.has(topic, partition))
    // Somebody waits for what goes from here: the next round gives it out (KIP-429).
    if (revoked.length > 0) membership.requestRejoin()
    await this.#revoke(revoked)
    if (membership.lost) return
    this.#setAssignment(partitions)
    assignor.onAssigned(userData, partitions, generation)
    await this.#listener.onAssigned?.(added)
  }

  /** Still owned while the hook runs. */
  async #revoke(partitions: readonly TopicPartition[]): Promise<void> {
    if (partitions.length === 0) return
    try {
      if (this.#settings.autoCommitIntervalMs !== undefined) await this.#commitPositions()
      await this.#listener.onRevoked?.(partitions)
    } finally {
      const gone = new TopicPartitionMap<true>()
      for (const { topic, partition } of partitions) gone.set(topic, partition, true)
      this.#setAssignment(this.assignment().filter(({ topic, partition }) => !gone.has(topic, partition)))
    }
  }

  async #lose(): Promise<void> {
    const owned = this.assignment()
    if (owned.length === 0) return
    try {
      await this.#listener.onLost?.(owned)
    } finally {
      this.#setAssignment([])
    }
  }

  #setAssignment(partitions: readonly TopicPartition[]): void {
    const before = this.#states
    this.#states = new TopicPartitionMap()
    for (const at of partitions) {
      this.#states.set(at.topic, at.partition, before.get(at.topic, at.partition) ?? new PartitionState(at))
    }
    for (const [at, state] of before) if (!this.#states.has(at.topic, at.partition)) state.discard()
    this.#order = [...this.#states.values()]
    this.#turn = 0
    this.#cluster.track(partitions.map(({ topic }) => topic))
    this.#fetcher.assign(this.#order)
    this.#findPositions()
  }

  #findPositions(): void {
    if (this.#positioning || this.#closed) return
    if (!this.#order.some((state) => state.position === undefined)) return
    this.#positioning = true
    const committed =
      this.#coordinator === undefined
        ? undefined
        : (partitions: readonly TopicPartition[]) => this.committed(partitions)
    findPositions(this.#order, this.#cluster, this.#settings, committed)
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#positioning = false
        this.#fetcher.interrupt()
        this.#wakeUp.wake()
      })
  }

  #outOfRange(state: PartitionState): void {
    const { autoOffsetReset } = this.#settings
    if (autoOffsetReset === 'none') {
      const detail = `The position ${state.fetchFrom} is gone, and autoOffsetReset is "none": seek.`
      state.retryAtMs = this.#cluster.ports.clock.monotonicMs() + 1_000
      this.#fail(kafkaError('OFFSET_OUT_OF_RANGE', partitionName(state.topic, state.partition), detail))
      return
    }
    const { log } = this.#cluster.ports
    log.warn('the position is gone, reset', { topic: state.topic, partition: state.partition, autoOffsetReset })
    state.moveTo(undefined)
    state.reset = autoOffsetReset
    this.#findPositions()
  }

  /** Lost with an unclean start or leader: reading goes on where the log parts from what was read, as Kafka's does. */
  #truncated(state: PartitionState, end: EpochEnd | undefined): void {
    const { metrics, log } = this.#cluster.ports
    const { topic, partition, fetchFrom, position } = state
    metrics.counter('millrace_client_truncations_total', 'Positions behind which the log lost what was read.').add()
    log.warn('the log has lost records that were read', { topic, partition, fetchFrom, endOffset: end?.endOffset })
    if (this.#settings.autoOffsetReset === 'none' || end === undefined || position === undefined) {
      this.#outOfRange(state)
      return
    }
    if (end.endOffset >= position) state.discard()
    else state.moveTo(offset(end.endOffset), end.leaderEpoch)
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#state(at).paused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const at of partitions) this.#state(at).paused = false
    this.#fetcher.interrupt()
    this.#wakeUp.wake()
  }

  paused(): readonly TopicPartition[] {
    return this.#order.filter((state) => state.paused).map(({ topic, partition }) => ({ topic, partition }))
  }

  seek(partition: TopicPartition, to: Offset): void {
    this.#state(partition).moveTo(to)
    this.#fetcher.interrupt()
  }

  async seekToBeginning(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#seekToEnd(partitions, earliest)
  }

  async seekToEnd(partitions: readonly TopicPartition[]): Promise<void> {
    await this.#seekToEnd(partitions, latest)
  }

  async #seekToEnd(partitions: readonly TopicPartition[], time: number): Promise<void> {
    for (const at of partitions) this.#state(at)
    for (const [at, found] of await this.#listOffsets(timesOf(partitions, time))) this.seek(at, found)
  }

  position(partition: TopicPartition): Offset | undefined {
    return this.#state(partition).position
  }

  currentLag(partition: TopicPartition): number | undefined {
    return this.#state(partition).lag
  }

  async commit(offsets: TopicPartitionMap<OffsetAndMetadata>): Promise<void> {
    this.#assertOpen()
    const coordinator = this.#coordinatorOrThrow('commit')
    if (offsets.size === 0) return
    const committer = this.#committer(coordinator.groupId)
    const { requestTimeoutMs } = this.#settings
    try {
      await coordinator.retrying(requestTimeoutMs, (connection) =>
        commitOffsets(connection, this.#cluster, committer, offsets, requestTimeoutMs),
      )
    } catch (error) {
      throw this.#membership?.refused(error, committer.generation) ?? error
    }
  }

  /** A member commits as such. Who has lost its membership may not commit as an outsider what others read by now. */
  #committer(groupId: string): Committer {
    const member = this.#membership?.metadata
    if (member !== undefined) return member
    if (this.#membership === undefined) return { groupId, generation: -1, memberId: '', groupInstanceId: null }
    throw kafkaError('UNKNOWN_MEMBER_ID', `group ${groupId}`, 'This consumer is not a member at the moment.')
  }

  committed(partitions: readonly TopicPartition[]): Promise<TopicPartitionMap<OffsetAndMetadata>> {
    const coordinator = this.#coordinatorOrThrow('committed')
    const { requestTimeoutMs } = this.#settings
    return coordinator.retrying(requestTimeoutMs, (connection) =>
      fetchOffsets(connection, this.#cluster, coordinator.groupId, partitions, requestTimeoutMs),
    )
  }

  #autoCommit(): void {
    const { autoCommitIntervalMs } = this.#settings
    if (autoCommitIntervalMs === undefined) return
    const nowMs = this.#cluster.ports.clock.monotonicMs()
    if (nowMs - this.#lastAutoCommitMs < autoCommitIntervalMs) return
    this.#lastAutoCommitMs = nowMs
    void this.#commitPositions()
  }

  /** What was polled counts as processed when the next poll begins. */
  async #commitPositions(): Promise<void> {
    const positions = new TopicPartitionMap<OffsetAndMetadata>()
    for (const { topic, partition, position, leaderEpoch } of this.#order) {
      if (position !== undefined) positions.set(topic, partition, { offset: position, leaderEpoch, metadata: '' })
    }
    try {
      await this.commit(positions)
    } catch (error) {
      // Nothing is lost: the positions are committed again, or read again by whoever owns them next.
      this.#cluster.ports.log.warn('auto-commit failed', { error: messageOf(error) })
    }
  }

  async offsetsForTimes(at: TopicPartitionMap<number>): Promise<TopicPartitionMap<Offset>> {
    const found = await this.#listOffsets(at)
    const without = [...at].map(([partition]) => partition).filter((p) => !found.has(p.topic, p.partition))
    if (without.length === 0) return found
    for (const [{ topic, partition }, end] of await this.endOffsets(without)) found.set(topic, partition, end)
    return found
  }

  beginningOffsets(partitions: readonly TopicPartition[]): Promise<TopicPartitionMap<Offset>> {
    return this.#listOffsets(timesOf(partitions, earliest))
  }

  endOffsets(partitions: readonly TopicPartition[]): Promise<TopicPartitionMap<Offset>> {
    return this.#listOffsets(timesOf(partitions, latest))
  }

  async #listOffsets(at: TopicPartitionMap<number>): Promise<TopicPartitionMap<Offset>> {
    const { isolation, requestTimeoutMs: timeoutMs } = this.#settings
    const found = new TopicPartitionMap<Offset>()
    for (const [{ topic, partition }, offset] of await listOffsets(this.#cluster, at, { isolation, timeoutMs })) {
      if (offset !== undefined) found.set(topic, partition, offset)
    }
    return found
  }

  groupMetadata(): GroupMetadata | undefined {
    return this.#membership?.metadata
  }

  requestRejoin(): void {
    this.#membership?.requestRejoin()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    try {
      if (this.#membership !== undefined) await this.#leaveAssignment(this.#membership)
      else if (this.#settings.autoCommitIntervalMs !== undefined) await this.#commitPositions()
    } finally {
      this.#closed = true
      this.#wakeUp.wake()
      await this.#membership?.leave('the consumer was closed')
      await Promise.all([this.#fetcher.close(), this.#coordinator?.close()])
      this.#onClose()
    }
  }

  /** As Java's: lost, where the membership is over already. */
  #leaveAssignment(membership: Membership): Promise<void> {
    return membership.metadata === undefined ? this.#lose() : this.#revoke(this.assignment())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #state(at: TopicPartition): PartitionState {
    const state = this.#states.get(at.topic, at.partition)
    if (state !== undefined) return state
    throw new MillraceError('STATE', 'is not assigned to this consumer', {
      place: partitionName(at.topic, at.partition),
    })
  }

  #coordinatorOrThrow(call: string): Coordinator {
    if (this.#coordinator !== undefined) return this.#coordinator
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
