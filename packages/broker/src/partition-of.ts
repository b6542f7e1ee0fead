import type { KafkaErrorCode } from '@millrace/kernel'
import type { LogDirectory, PartitionLog } from '@millrace/log/internal'

/**
 * The log of a partition, or what to say instead: one that could not be opened is a storage error, not an unknown one.
 */
export function partitionOf(directory: LogDirectory, topic: string, partition: number): PartitionLog | KafkaErrorCode {
  const log = directory.partition(topic, partition)
  if (log !== undefined) return log
  return directory.offline(topic, partition) === undefined ? 'UNKNOWN_TOPIC_OR_PARTITION' : 'KAFKA_STORAGE_ERROR'
}
