import { messageOf, partitionName } from '@millrace/kernel'
import type { PartitionLog } from '@millrace/log/internal'
import type { BrokerPorts } from './broker-ports.ts'

/** What was last said of a partition: clients ask again and again, the log is told once. */
const said = new WeakMap<PartitionLog, string>()

/** A read met damage or a failing disk: the client gets KAFKA_STORAGE_ERROR, everything else goes on. */
export function noteFailedRead({ metrics, log }: BrokerPorts, partition: PartitionLog, error: unknown): void {
  metrics.counter('millrace_broker_failed_reads_total', 'Reads of a partition that its files did not answer.').add()
  const reason = messageOf(error)
  if (said.get(partition) === reason) return
  said.set(partition, reason)
  const { at } = partition
  log.error('a partition cannot be read', { partition: partitionName(at.topic, at.partition), reason })
}
