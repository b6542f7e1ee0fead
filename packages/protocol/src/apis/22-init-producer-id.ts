import { defineApi } from '../api.ts'
import { bool, int16, int32, int64, int64Any, string } from '../fields.ts'

/**
 * InitProducerId: a producer id with its epoch; fences older producers of a transactional id.
 *
 * 2 flexible. 3 an epoch may be raised by its owner (KIP-360). 4 PRODUCER_FENCED. 5 TRANSACTION_ABORTABLE. 6 two-
 * phase commit (KIP-939), not stable in Kafka 4.3.
 */
export const initProducerId = defineApi({
  key: 22,
  versions: '0-6',
  flexible: '2+',
  request: {
    transactionalId: string('0+', { nullable: '0+' }),
    transactionTimeoutMs: int32('0+'),
    producerId: int64Any('3+', { default: -1 }),
    producerEpoch: int16('3+', { default: -1 }),
    enable2Pc: bool('6+'),
    keepPreparedTxn: bool('6+'),
  },
  response: {
    throttleTimeMs: int32('0+', { ignorable: true }),
    errorCode: int16('0+'),
    producerId: int64('0+', { default: -1 }),
    producerEpoch: int16('0+'),
    ongoingTxnProducerId: int64('6+', { default: -1 }),
    ongoingTxnProducerEpoch: int16('6+', { default: -1 }),
  },
})
