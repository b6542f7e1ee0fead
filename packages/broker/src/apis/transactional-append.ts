import { type KafkaErrorCode, kafkaError } from '@millrace/kernel'
import type { Appended, PartitionLog } from '@millrace/log/internal'
import type { RequestContext } from '@millrace/protocol/internal'
import { producerEpoch, producerId, type ValidBatch } from '@millrace/record/internal'
import type { Engine } from '../engine.ts'
import { joinsByWriting } from './transaction-codes.ts'

const firstVersionWithAbortable = 11
const firstVersionThatJoins = 12

export interface TransactionalBatch {
  readonly transactionalId: string | null
  readonly log: PartitionLog
  readonly batch: ValidBatch
  /** For errors. */
  readonly source: string
}

/**
 * Appends a batch of a transaction, if the coordinator knows the transaction and the partition in it (KIP-890). Nothing
 * may come between the question and the append.
 *
 * @throws INVALID_TXN_STATE or TRANSACTION_ABORTABLE where the partition is not in it, INVALID_PRODUCER_EPOCH,
 * INVALID_PRODUCER_ID_MAPPING, CONCURRENT_TRANSACTIONS (to older clients NOT_ENOUGH_REPLICAS) while the one before is
 * ending, and what the log throws
 */
export function appendInTransaction(
  engine: Engine,
  context: RequestContext,
  { transactionalId, log, batch, source }: TransactionalBatch,
): Appended {
  if (transactionalId === null) throw kafkaError('INVALID_TXN_STATE', source, 'The request names no transactional id.')
  const claim = { transactionalId, producerId: producerId(batch), epoch: producerEpoch(batch) }
  const joins = joinsByWriting(engine, context, firstVersionThatJoins)
  const code = engine.transactions.admit(claim, log.at, joins)
  if (code !== 'NONE') throw refused(code, context.apiVersion, source)
  const appended = log.append(batch, { transactionVersion: joins ? 2 : 1 })
  engine.transactions.wrote(transactionalId, log.at, appended.lastOffset + 1)
  return appended
}

/** As ReplicaManager and AddPartitionsToTxnManager answer: what is no fault of the producer is retried. */
function refused(code: KafkaErrorCode, apiVersion: number, source: string): Error {
  switch (code) {
    case 'PRODUCER_FENCED':
      return kafkaError('INVALID_PRODUCER_EPOCH', source, 'A newer producer uses the transactional id.')
    case 'TRANSACTION_ABORTABLE': {
      const known = apiVersion >= firstVersionWithAbortable
      return kafkaError(known ? code : 'INVALID_TXN_STATE', source, 'The partition was not added to the transaction.')
    }
    case 'CONCURRENT_TRANSACTIONS':
      if (apiVersion >= firstVersionThatJoins) return kafkaError(code, source)
      return kafkaError('NOT_ENOUGH_REPLICAS', source, 'The transaction before is being ended.')
    case 'COORDINATOR_NOT_AVAILABLE': {
      const detail = `It could not be seen whether the partition is in the transaction: ${code}.`
      return kafkaError('NOT_ENOUGH_REPLICAS', source, detail)
    }
    default:
      return kafkaError(code, source)
  }
}
