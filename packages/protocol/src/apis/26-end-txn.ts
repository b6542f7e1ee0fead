import { defineApi } from '../api.ts'
import { bool, int16, int32, int64, int64Any, string } from '../fields.ts'

/**
 * EndTxn: commits or aborts a transaction.
 *
 * 2 PRODUCER_FENCED. 3 flexible. 4 TRANSACTION_ABORTABLE. 5 the epoch rises with every transaction, and the answer
 * brings the new one (KIP-890).
 */
export const endTxn = defineApi({
  key: 26,
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: string('0+'),
    producerId: int64Any('0+'),
    producerEpoch: int16('0+'),
    committed: bool('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    producerId: int64('5+', { default: -1, ignorable: true }),
    producerEpoch: int16('5+', { default: -1, ignorable: true }),
  },
})
