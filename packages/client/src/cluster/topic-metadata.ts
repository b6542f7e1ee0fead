import { errorCodeOf, type KafkaErrorCode } from '@millrace/kernel'
import type { ResponseOf } from '@millrace/protocol/internal'

export interface PartitionMetadata {
  readonly partition: number
  /** -1: none at the moment. */
  readonly leader: number
  readonly leaderEpoch: number
  /** Brokers that hold it, in sync or not. */
  readonly replicas: readonly number[]
}

export interface TopicMetadata {
  readonly name: string
  readonly topicId: string
  readonly internal: boolean
  /** By partition number, without gaps. */
  readonly partitions: readonly PartitionMetadata[]
}

type TopicRow = ResponseOf<'metadata'>['topics'][number]

/** The error of a topic row; undefined when it is usable. */
export function topicError(row: TopicRow): KafkaErrorCode | undefined {
  return row.errorCode === 0 ? undefined : errorCodeOf(row.errorCode)
}

/**
 * A topic as the broker tells it now. An answer that is older than what is known (a lower leader epoch of the same topic) does not take
 * a partition back to its former leader.
 */
export function readTopic(row: TopicRow, known: TopicMetadata | undefined): TopicMetadata {
  const same = known !== undefined && known.topicId === row.topicId ? known : undefined
  const partitions: PartitionMetadata[] = []
  for (const told of row.partitions) {
    const before = same?.partitions[told.partitionIndex]
    const stale = before !== undefined && told.leaderEpoch >= 0 && told.leaderEpoch < before.leaderEpoch
    const { partitionIndex: partition, leaderId: leader, leaderEpoch, replicaNodes: replicas } = told
    partitions[partition] = stale ? before : { partition, leader, leaderEpoch, replicas }
  }
  return { name: row.name ?? '', topicId: row.topicId, internal: row.isInternal, partitions }
}
