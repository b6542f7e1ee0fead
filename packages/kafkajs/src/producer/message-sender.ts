import type { ProducerOptions, TopicHandle } from '@millrace/client'
import type { BatchingProducer, Cluster, CodecName } from '@millrace/client/internal'
import { errorCodeOf } from '@millrace/kernel'
import { loadedClient } from '../client-module.ts'
import { KafkaJSMetadataNotLoaded } from '../errors.ts'
import { exhausted, toKafkaJS } from '../failure.ts'
import type { Link } from '../link.ts'
import type { PartitionMetadata, RecordMetadata, TopicMessages } from '../message.ts'
import { final } from '../retry.ts'
import { Delivery } from './delivery.ts'
import { appendMessage } from './message-writer.ts'
import type { PartitionerArgs } from './partitioners.ts'

type Partition = (args: PartitionerArgs) => number

/** A topic as it is written to: what the partitioner is shown, and where records go in. */
interface WritableTopic {
  readonly handle: TopicHandle
  partitions: PartitionMetadata[]
}

/** What one call sends, checked. */
export interface Sendable {
  readonly acks: number
  readonly topicMessages: readonly TopicMessages[]
  readonly codec: CodecName
}

/** Sends messages through one producer of the client: one acks, or one transactional id. */
export class MessageSender {
  readonly producer: BatchingProducer
  readonly #link: Link
  readonly #cluster: Cluster
  readonly #partition: Partition
  readonly #topics = new Map<string, WritableTopic>()
  readonly #opening = new Map<string, Promise<WritableTopic>>()
  readonly #stopRefresh: () => void

  constructor(link: Link, cluster: Cluster, partition: Partition, options: ProducerOptions) {
    this.#link = link
    this.#cluster = cluster
    this.#partition = partition
    const { requestTimeoutMs, patienceMs: deliveryTimeoutMs } = link
    this.producer = new (loadedClient().BatchingProducer)(
      cluster,
      { requestTimeoutMs, deliveryTimeoutMs, ...options },
      () => {},
    )
    // Leaders may have moved and topics may have grown: what the partitioner is shown is asked for anew.
    this.#stopRefresh = cluster.onRefresh(() => this.#refreshed())
  }

  async send(topicMessages: readonly TopicMessages[], codec: CodecName): Promise<RecordMetadata[]> {
    const delivery = new Delivery()
    let failure: Error | undefined
    try {
      const topics: WritableTopic[] = []
      for (const { topic } of topicMessages) topics.push(this.#topics.get(topic) ?? (await this.#topic(topic)))
      for (let i = 0; i < topicMessages.length; i++) await this.#append(topics[i]!, topicMessages[i]!, codec, delivery)
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error))
    }
    try {
      return await delivery.outcome(failure)
    } catch (error) {
      throw exhausted(error, { retryCount: this.#link.retry.retries, retryTime: this.#link.retry.maxRetryTime })
    }
  }

  async close(): Promise<void> {
    this.#stopRefresh()
    try {
      await this.producer.close()
    } catch (error) {
      throw toKafkaJS(error)
    }
  }

  async #append(to: WritableTopic, given: TopicMessages, codec: CodecName, delivery: Delivery): Promise<void> {
    const { producer } = this
    const { topic, messages } = given
    const nowMs = this.#link.ports.clock.nowMs()
    for (const message of messages) {
      while (producer.full) await producer.drained()
      const partition = Number(this.#partition({ topic, partitionMetadata: to.partitions, message }))
      appendMessage(producer, to.handle, partition, message, nowMs, codec, delivery)
    }
  }

  #topic(name: string): Promise<WritableTopic> {
    let opening = this.#opening.get(name)
    if (opening === undefined) {
      opening = this.#open(name).finally(() => this.#opening.delete(name))
      this.#opening.set(name, opening)
    }
    return opening
  }

  async #open(name: string): Promise<WritableTopic> {
    const answer = await this.#link.metadata([name]).catch((error: unknown) => {
      throw final(toKafkaJS(error)) // a topic that may not be seen is told as kafkajs tells it: as the cause
    })
    const row = answer.topics.find((topic) => topic.name === name)
    if (row === undefined || row.partitions.length === 0) {
      throw new KafkaJSMetadataNotLoaded('Producing to topic without metadata')
    }
    const topic = { handle: await this.producer.open(name), partitions: partitionsOf(row.partitions) }
    this.#topics.set(name, topic)
    return topic
  }

  #refreshed(): void {
    for (const [name, topic] of this.#topics) {
      const known = this.#cluster.topic(name)?.partitions
      if (known === undefined) continue
      topic.partitions = known.map(({ partition, leader }) => {
        const before = topic.partitions[partition]
        if (before?.leader === leader) return before
        return {
          partitionErrorCode: 0,
          partitionId: partition,
          leader,
          replicas: before?.replicas ?? [],
          isr: before?.isr ?? [],
        }
      })
    }
  }
}

interface PartitionRow {
  readonly errorCode: number
  readonly partitionIndex: number
  readonly leaderId: number
  readonly replicaNodes: readonly number[]
  readonly isrNodes: readonly number[]
  readonly offlineReplicas: readonly number[]
}

/** Rows of a metadata answer as kafkajs shows them, by partition. */
export function partitionsOf(rows: readonly PartitionRow[]): PartitionMetadata[] {
  return rows
    .map((row) => ({
      partitionErrorCode: errorCodeOf(row.errorCode) === 'REPLICA_NOT_AVAILABLE' ? 0 : row.errorCode,
      partitionId: row.partitionIndex,
      leader: row.leaderId,
      replicas: [...row.replicaNodes],
      isr: [...row.isrNodes],
      offlineReplicas: [...row.offlineReplicas],
    }))
    .sort((a, b) => a.partitionId - b.partitionId)
}
