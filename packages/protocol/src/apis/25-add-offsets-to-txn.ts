import { defineApi } from '../api.ts'
import { int16, int32, int64Any, string } from '../fields.ts'

/**
 * AddOffsetsToTxn: announces that a group's offsets will be committed in a transaction.
 *
 * 2 PRODUCER_FENCED. 3 flexible. 4 TRANSACTION_ABORTABLE.
 */
export const addOffsetsToTxn = defineApi({
  key: 25,
  versions: '0-4',
  flexible: '3+',
  request: {
    transactionalId: string('0+'),
    producerId: int64Any('0+'),
    producerEpoch: int16('0+'),
    groupId: string('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
  },
})
