import { offset, TopicPartitionMap } from '@millrace/kernel'
import type { LogDirectory, PartitionLog } from '@millrace/log/internal'
import type { SentAborted, SentTail } from './messages.ts'
import { SharedTail } from './shared-tail.ts'

interface Posted {
  readonly log: PartitionLog
  readonly shared: SharedTail
}

/** The ends of all partitions that some thread reads, kept up to date as the log moves. */
export class TailBoard {
  readonly #directory: LogDirectory
  readonly #posted = new TopicPartitionMap<Posted>()
  readonly #listeners = new Set<() => void>()

  constructor(directory: LogDirectory) {
    this.#directory = directory
  }

  /** Called when a partition has moved that a reader waits for. Returns how to stop. */
  onMoved(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** undefined where there is no such partition. */
  post(topic: string, partition: number): SentTail | undefined {
    const log = this.#directory.partition(topic, partition)
    if (log === undefined) return undefined
    let posted = this.#posted.get(topic, partition)
    if (posted?.log !== log) {
      const shared = new SharedTail()
      shared.publish(log.tail)
      log.onTail((tail) => {
        if (tail === undefined ? shared.bury() : shared.publish(tail)) this.#moved()
      })
      posted = { log, shared }
      this.#posted.set(topic, partition, posted)
    }
    const { directory } = log.tail
    return { directory, topicId: log.topicId, leaderEpoch: log.leaderEpoch, memory: posted.shared.memory }
  }

  /** The aborted transactions that touch [from, to) of a partition. */
  aborted(topic: string, partition: number, from: number, to: number): SentAborted | undefined {
    const log = this.#directory.partition(topic, partition)
    if (log === undefined) return undefined
    const transactions = log
      .abortedBetween(offset(from), offset(to))
      .map(({ producerId, firstOffset }) => ({ producerId, firstOffset }))
    return { logStart: log.tail.logStart, transactions }
  }

  /** After something that moves logs without an append: topics deleted, records deleted. */
  review(): void {
    for (const [{ topic, partition }, { log, shared }] of [...this.#posted]) {
      const present = this.#directory.partition(topic, partition)
      if (present !== log) this.#posted.delete(topic, partition)
      if (present === log ? shared.publish(log.tail) : shared.bury()) this.#moved()
    }
  }

  #moved(): void {
    for (const listener of this.#listeners) listener()
  }
}
