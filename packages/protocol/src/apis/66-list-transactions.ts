import { defineApi } from '../api.ts'
import { int16, int32, int64, int64Any, int64s, list, string, strings } from '../fields.ts'

/**
 * ListTransactions: transactions by state, producer and age (KIP-664).
 *
 * 1 age (KIP-994). 2 pattern of the transactional id (KIP-1152).
 */
export const listTransactions = defineApi({
  key: 66,
  versions: '0-2',
  flexible: '0+',
  request: {
    stateFilters: strings('0+'),
    producerIdFilters: int64s('0+'),
    durationFilter: int64Any('1+', { default: -1 }),
    transactionalIdPattern: string('2+', { nullable: '2+', default: null }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    unknownStateFilters: strings('0+'),
    transactionStates: list('0+', {
      transactionalId: string('0+'),
      producerId: int64('0+'),
      transactionState: string('0+'),
    }),
  },
})
