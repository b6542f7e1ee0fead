import type { Cluster } from '../cluster/cluster.ts'
import type { TopicHandle } from '../producer.ts'
import { PartitionQueue } from './partition-queue.ts'
import type { ProducerSettings } from './producer-settings.ts'

/** A topic as one producer writes it. */
export class OpenTopic implements TopicHandle {
  readonly topic: string
  /** Where keyless records go for now; another one once a batch is full, so that batches are large (KIP-480). */
  sticky: number
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #queues: PartitionQueue[] = []
  #partitions: number

  constructor(topic: string, partitions: number, cluster: Cluster, settings: ProducerSettings) {
    this.topic = topic
    this.#partitions = partitions
    this.#cluster = cluster
    this.#settings = settings
    this.sticky = cluster.ports.random.integer(partitions)
  }

  get partitions(): number {
    return this.#partitions
  }

  /** After a metadata refresh: a topic may have grown. */
  refresh(): void {
    this.#partitions = Math.max(this.#partitions, this.#cluster.topic(this.topic)?.partitions.length ?? 0)
  }

  queue(partition: number): PartitionQueue | undefined {
    const known = this.#queues[partition]
    if (known !== undefined) return known
    if (!Number.isInteger(partition) || partition < 0 || partition >= this.#partitions) return undefined
    const queue = new PartitionQueue(this.topic, partition, this.#settings)
    this.#queues[partition] = queue
    return queue
  }

  moveSticky(): void {
    if (this.#partitions === 1) return
    this.sticky = (this.sticky + 1 + this.#cluster.ports.random.integer(this.#partitions - 1)) % this.#partitions
  }
}
