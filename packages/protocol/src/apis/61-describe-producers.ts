import { defineApi } from '../api.ts'
import { int16, int32, int32s, int64, list, string } from '../fields.ts'

/**
 * DescribeProducers: the producers that a partition knows (KIP-664).
 */
export const describeProducers = defineApi({
  key: 61,
  versions: '0',
  flexible: '0+',
  request: {
    topics: list('0+', {
      name: string('0+'),
      partitionIndexes: int32s('0+'),
    }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+', default: null }),
        activeProducers: list('0+', {
          producerId: int64('0+'),
          producerEpoch: int32('0+'),
          lastSequence: int32('0+', { default: -1 }),
          lastTimestamp: int64('0+', { default: -1 }),
          coordinatorEpoch: int32('0+'),
          currentTxnStartOffset: int64('0+', { default: -1 }),
        }),
      }),
    }),
  },
})
