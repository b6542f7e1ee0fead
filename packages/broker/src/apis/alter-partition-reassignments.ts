import { kafkaError } from '@millrace/kernel'
import type { RequestOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { wireError } from '../wire-error.ts'

type Asked = RequestOf<'alterPartitionReassignments'>['topics'][number]['partitions'][number]

/**
 * Every partition lies on the one broker: a plan that says so is done at once, any other is refused, and there is never
 * a move to take back. Source: Apache Kafka, ReplicationControlManager.alterPartitionReassignments (KIP-455, KIP-860).
 */
export const answerAlterPartitionReassignments: Handler<'alterPartitionReassignments'> = (
  engine,
  _context,
  { topics, allowReplicationFactorChange },
) => ({
  throttleTimeMs: 0,
  allowReplicationFactorChange,
  errorCode: 0,
  errorMessage: null,
  responses: topics.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map((asked) => {
      const { partitionIndex } = asked
      try {
        check(engine, name, asked)
        return { partitionIndex, errorCode: 0, errorMessage: null }
      } catch (error) {
        return { partitionIndex, ...wireError(error) }
      }
    }),
  })),
})

/** @throws what Kafka answers, unless the partition is to lie where it lies. */
function check({ directory, settings }: Engine, topic: string, asked: Asked): void {
  const place = `${topic}-${asked.partitionIndex}`
  const partitions = directory.topic(topic)?.partitions ?? 0
  if (asked.partitionIndex < 0 || asked.partitionIndex >= partitions) {
    throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', place)
  }
  const { replicas } = asked
  if (replicas === null) throw kafkaError('NO_REASSIGNMENT_IN_PROGRESS', place)
  const nodeId = settings['node.id']
  if (replicas.length === 0) throw kafkaError('INVALID_REPLICA_ASSIGNMENT', place, 'The list of replicas is empty.')
  const stranger = replicas.find((id) => id !== nodeId)
  if (stranger !== undefined) {
    const why = `There is no broker ${stranger}: this is broker ${nodeId}, the only one.`
    throw kafkaError('INVALID_REPLICA_ASSIGNMENT', place, why)
  }
  if (replicas.length > 1) {
    throw kafkaError('INVALID_REPLICA_ASSIGNMENT', place, `Broker ${nodeId} stands there more than once.`)
  }
}
