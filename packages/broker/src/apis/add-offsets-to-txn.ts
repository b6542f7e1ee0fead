import type { Handler } from '../engine.ts'
import { offsetsTopic } from '../internal-topics.ts'
import { wire } from '../wire-error.ts'
import { fencedCode } from './transaction-codes.ts'

const firstVersionWithProducerFenced = 2

/** Adds the partition of `__consumer_offsets` that keeps the group to the transaction. */
export const answerAddOffsetsToTxn: Handler<'addOffsetsToTxn'> = async (engine, context, request) => {
  const { transactionalId, producerId, producerEpoch, groupId } = request
  if (groupId === '') return { throttleTimeMs: 0, errorCode: wire('INVALID_GROUP_ID') }
  const partition = await engine.groups.offsetsPartition(groupId)
  if (partition === undefined) return { throttleTimeMs: 0, errorCode: wire('COORDINATOR_NOT_AVAILABLE') }
  const claim = { transactionalId, producerId, epoch: producerEpoch }
  const added = await engine.transactions.add(claim, [{ topic: offsetsTopic, partition }])
  const code = fencedCode(added, context.apiVersion >= firstVersionWithProducerFenced)
  return { throttleTimeMs: 0, errorCode: wire(code) }
}
