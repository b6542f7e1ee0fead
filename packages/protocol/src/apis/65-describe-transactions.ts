import { defineApi } from '../api.ts'
import { int16, int32, int32s, int64, list, string, strings } from '../fields.ts'

/**
 * DescribeTransactions: state of transactions by transactional id (KIP-664).
 */
export const describeTransactions = defineApi({
  key: 65,
  versions: '0',
  flexible: '0+',
  request: {
    transactionalIds: strings('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    transactionStates: list('0+', {
      errorCode: int16('0+'),
      transactionalId: string('0+'),
      transactionState: string('0+'),
      transactionTimeoutMs: int32('0+'),
      transactionStartTimeMs: int64('0+'),
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      topics: list('0+', {
        topic: string('0+'),
        partitions: int32s('0+'),
      }),
    }),
  },
})
