import { type TopicPartition, TopicPartitionMap } from '@millrace/kernel'

/** The partitions of one transaction at a time: which ones the coordinator has added, which it is to be asked for. */
export class EnlistedPartitions {
  readonly #standings = new TopicPartitionMap<'wanted' | 'added'>()
  #fresh: TopicPartition[] = []

  /** Records are appended to a partition. Returns whether that is news. */
  enlist(topic: string, partition: number): boolean {
    if (this.#standings.has(topic, partition)) return false
    this.#standings.set(topic, partition, 'wanted')
    this.#fresh.push({ topic, partition })
    return true
  }

  /** Those that were not asked for yet: all in one request. */
  takeFresh(): readonly TopicPartition[] {
    return this.#fresh.splice(0)
  }

  added(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) this.#standings.set(topic, partition, 'added')
  }

  isAdded(topic: string, partition: number): boolean {
    return this.#standings.get(topic, partition) === 'added'
  }

  /** The transaction has ended. */
  clear(): void {
    this.#standings.clear()
    this.#fresh = []
  }
}
