import { kafkaError, messageOf, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { Cluster } from '../cluster/cluster.ts'
import type { OffsetAndMetadata } from '../records.ts'
import type { Assignment } from './assignment.ts'
import type { ConsumerMetrics } from './consumer-metrics.ts'
import type { ConsumerSettings } from './consumer-settings.ts'
import type { Coordinator } from './coordinator.ts'
import { type Committer, commitOffsets, fetchOffsets } from './group-offsets.ts'
import type { Interceptors } from './interceptors.ts'
import type { Membership } from './membership.ts'

/** The positions a group has stored, as one of its members or an outsider reads and writes them. */
export class GroupPositions {
  readonly #cluster: Cluster
  readonly #coordinator: Coordinator
  readonly #settings: ConsumerSettings
  readonly #assignment: Assignment
  readonly #metrics: ConsumerMetrics
  readonly #interceptors: Interceptors
  #lastAutoCommitMs: number
  /** The commit beside the polls, while there is one. */
  #beside: Promise<void> | undefined

  constructor(
    cluster: Cluster,
    coordinator: Coordinator,
    settings: ConsumerSettings,
    assignment: Assignment,
    metrics: ConsumerMetrics,
    interceptors: Interceptors,
  ) {
    this.#cluster = cluster
    this.#coordinator = coordinator
    this.#settings = settings
    this.#assignment = assignment
    this.#metrics = metrics
    this.#interceptors = interceptors
    this.#lastAutoCommitMs = cluster.ports.clock.monotonicMs()
  }

  async commit(
    offsets: TopicPartitionMap<OffsetAndMetadata>,
    membership: Membership | undefined,
    signal?: AbortSignal,
  ): Promise<void> {
    if (offsets.size === 0) return
    const committer = this.#committer(membership)
    const { requestTimeoutMs } = this.#settings
    const { clock } = this.#cluster.ports
    const beganMs = clock.monotonicMs()
    try {
      await this.#coordinator.retrying(
        requestTimeoutMs,
        (connection) => commitOffsets(connection, this.#cluster, committer, offsets, requestTimeoutMs),
        signal,
      )
    } catch (error) {
      this.#metrics.failedCommits.add()
      throw membership?.refused(error, committer) ?? error
    } finally {
      this.#metrics.commitSeconds.observe((clock.monotonicMs() - beganMs) / 1_000)
    }
    this.#metrics.commits.add()
    this.#interceptors.committed(offsets)
  }

  read(partitions: readonly TopicPartition[], signal?: AbortSignal): Promise<TopicPartitionMap<OffsetAndMetadata>> {
    const { requestTimeoutMs } = this.#settings
    return this.#coordinator.retrying(
      requestTimeoutMs,
      (connection) => fetchOffsets(connection, this.#cluster, this.#coordinator.groupId, partitions, requestTimeoutMs),
      signal,
    )
  }

  /** At its pace, beside the poll that begins. */
  autoCommit(membership: Membership | undefined): void {
    const { autoCommitIntervalMs } = this.#settings
    if (autoCommitIntervalMs === undefined) return
    const nowMs = this.#cluster.ports.clock.monotonicMs()
    if (nowMs - this.#lastAutoCommitMs < autoCommitIntervalMs) return
    // One at a time: while nobody answers they would pile up, and each says the same and more.
    if (this.#beside !== undefined) return
    this.#lastAutoCommitMs = nowMs
    this.#beside = this.#commitPositions(membership).finally(() => {
      this.#beside = undefined
    })
  }

  /**
   * What was polled counts as processed when the next poll begins. Only where commits are automatic; behind the one that
   * is under way, whose older positions must not come last.
   */
  async commitPolled(membership: Membership | undefined): Promise<void> {
    if (this.#settings.autoCommitIntervalMs === undefined) return
    await this.#beside
    await this.#commitPositions(membership)
  }

  async #commitPositions(membership: Membership | undefined): Promise<void> {
    const positions = new TopicPartitionMap<OffsetAndMetadata>()
    for (const { topic, partition, position, leaderEpoch } of this.#assignment.states) {
      if (position !== undefined) positions.set(topic, partition, { offset: position, leaderEpoch, metadata: '' })
    }
    try {
      await this.commit(positions, membership)
    } catch (error) {
      // Nothing is lost: the positions are committed again, or read again by whoever owns them next.
      this.#cluster.ports.log.warn('auto-commit failed', { error: messageOf(error) })
    }
  }

  /** A member commits as such. Who has lost its membership may not commit as an outsider what others read by now. */
  #committer(membership: Membership | undefined): Committer {
    const { groupId } = this.#coordinator
    const member = membership?.metadata
    if (member !== undefined) return member
    if (membership === undefined) return { groupId, generation: -1, memberId: '', groupInstanceId: null }
    throw kafkaError('UNKNOWN_MEMBER_ID', `group ${groupId}`, 'This consumer is not a member at the moment.')
  }
}
