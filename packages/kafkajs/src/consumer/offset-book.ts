import type { OffsetAndMetadata } from '@millrace/client'
import type { PollingConsumer } from '@millrace/client/internal'
import { type Clock, offset, TopicPartitionMap } from '@millrace/kernel'
import type { Offsets, PartitionOffset, TopicOffsets } from '../message.ts'
import type { PartitionLane } from './partition-lane.ts'

export interface AutoCommit {
  readonly enabled: boolean
  readonly intervalMs: number | null
  readonly threshold: number | null
}

/** Positions to commit, with or without what the program wants to remember beside them. */
export type CommitTopics = readonly {
  readonly topic: string
  readonly partitions: readonly (PartitionOffset & { readonly metadata?: string | null })[]
}[]

/** What is done, what is committed, and the commits between: one at a time, and a later one takes all that came. */
export class OffsetBook {
  readonly #consumer: PollingConsumer
  readonly #lanes: TopicPartitionMap<PartitionLane>
  readonly #clock: Clock
  readonly #auto: AutoCommit
  readonly #committed: (topics: TopicOffsets[]) => void
  #lastCommitMs: number
  #running: Promise<void> | undefined

  constructor(
    consumer: PollingConsumer,
    lanes: TopicPartitionMap<PartitionLane>,
    clock: Clock,
    auto: AutoCommit,
    committed: (topics: TopicOffsets[]) => void,
  ) {
    this.#consumer = consumer
    this.#lanes = lanes
    this.#clock = clock
    this.#auto = auto
    this.#committed = committed
    this.#lastCommitMs = clock.monotonicMs()
  }

  uncommitted(lanes: Iterable<PartitionLane> = this.#lanes.values()): Offsets {
    const topics = new Map<string, PartitionOffset[]>()
    for (const { topic, partition, resolved, committed } of lanes) {
      if (resolved === undefined || resolved === committed) continue
      const row = { partition, offset: `${resolved}` }
      const rows = topics.get(topic)
      if (rows === undefined) topics.set(topic, [row])
      else rows.push(row)
    }
    return { topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })) }
  }

  /** Whether the interval or the threshold asks for a commit now. Cheap: asked after each message. */
  get isDue(): boolean {
    const { enabled, intervalMs, threshold } = this.#auto
    if (!enabled) return false
    if (intervalMs !== null && this.#clock.monotonicMs() >= this.#lastCommitMs + intervalMs) return true
    return threshold !== null && this.#resolvedCount() >= threshold
  }

  /** What is done, now. Waits for the commit that is under way, if there is one. */
  async commitResolved(lanes?: Iterable<PartitionLane>): Promise<void> {
    while (this.#running !== undefined) await this.#running.catch(() => {}) // its caller is told
    this.#lastCommitMs = this.#clock.monotonicMs()
    const { topics } = this.uncommitted(lanes)
    if (topics.length === 0) return
    const running = this.commit(topics)
    this.#running = running
    try {
      await running
    } finally {
      this.#running = undefined
    }
  }

  /** @throws MillraceError of the group, such as REBALANCE_IN_PROGRESS */
  async commit(topics: CommitTopics): Promise<void> {
    const offsets = new TopicPartitionMap<OffsetAndMetadata>()
    for (const { topic, partitions } of topics) {
      for (const { partition, offset: text, metadata } of partitions) {
        offsets.set(topic, partition, { offset: offset(Number(text)), leaderEpoch: -1, metadata: metadata ?? '' })
      }
    }
    await this.#consumer.commit(offsets)
    for (const { topic, partitions } of topics) {
      for (const { partition, offset: text } of partitions) {
        const lane = this.#lanes.get(topic, partition)
        if (lane !== undefined) lane.committed = Number(text)
      }
    }
    this.#committed(
      topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.map((row) => ({ ...row })) })),
    )
  }

  #resolvedCount(): number {
    let count = 0
    for (const { resolved, committed } of this.#lanes.values()) {
      if (resolved !== undefined) count += resolved - (committed ?? 0)
    }
    return count
  }
}
