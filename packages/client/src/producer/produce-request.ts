import { type Offset, offset } from '@millrace/kernel'
import { type RequestOf, type ResponseOf, zeroUuid } from '@millrace/protocol/internal'
import type { Cluster } from '../cluster/cluster.ts'
import type { PartitionQueue } from './partition-queue.ts'
import type { PendingBatch } from './pending-batch.ts'
import type { ProducerSettings } from './producer-settings.ts'

/** One batch of one partition in a request. */
export interface Shipment {
  readonly queue: PartitionQueue
  readonly batch: PendingBatch
}

export interface PartitionAnswer {
  readonly errorCode: number
  readonly errorMessage: string | null
  readonly baseOffset: Offset
  readonly appendTimeMs: number
  /** Who leads instead; -1 where the answer does not say (KIP-951). */
  readonly currentLeader: { readonly leaderId: number; readonly leaderEpoch: number }
}

type TopicData = { name: string; topicId: string; partitionData: { index: number; records: PendingBatch['bytes'] }[] }

/** One Produce request with a batch for each of several partitions. */
export function produceRequest(
  shipments: readonly Shipment[],
  cluster: Cluster,
  settings: ProducerSettings,
): RequestOf<'produce'> {
  const byTopic = new Map<string, TopicData>()
  for (const { queue, batch } of shipments) {
    let topic = byTopic.get(queue.topic)
    if (topic === undefined) {
      topic = { name: queue.topic, topicId: cluster.topic(queue.topic)?.topicId ?? zeroUuid, partitionData: [] }
      byTopic.set(queue.topic, topic)
    }
    topic.partitionData.push({ index: queue.partition, records: batch.bytes })
  }
  return {
    transactionalId: settings.transactionalId ?? null,
    acks: settings.acks,
    timeoutMs: settings.requestTimeoutMs,
    topicData: [...byTopic.values()],
  }
}

/** What a response says of one partition; undefined where it says nothing. */
export function answerFor(
  response: ResponseOf<'produce'>,
  queue: PartitionQueue,
  cluster: Cluster,
): PartitionAnswer | undefined {
  for (const topic of response.responses) {
    if (cluster.nameOf(topic.name, topic.topicId) !== queue.topic) continue
    const row = topic.partitionResponses.find((partition) => partition.index === queue.partition)
    if (row === undefined) continue
    return {
      errorCode: row.errorCode,
      errorMessage: row.errorMessage ?? row.recordErrors[0]?.batchIndexErrorMessage ?? null,
      baseOffset: offset(row.baseOffset),
      appendTimeMs: row.logAppendTimeMs,
      currentLeader: row.currentLeader,
    }
  }
  return undefined
}
