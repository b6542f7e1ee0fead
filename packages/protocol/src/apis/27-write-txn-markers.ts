import { defineApi } from '../api.ts'
import { bool, int8, int16, int32, int32s, int64, int64Any, list, string } from '../fields.ts'

/**
 * WriteTxnMarkers: a transaction coordinator has control batches written.
 *
 * 1 flexible. 2 transaction version of the marker (KIP-1228).
 */
export const writeTxnMarkers = defineApi({
  key: 27,
  versions: '1-2',
  flexible: '1+',
  request: {
    markers: list('0+', {
      producerId: int64Any('0+'),
      producerEpoch: int16('0+'),
      transactionResult: bool('0+'),
      topics: list('0+', {
        name: string('0+'),
        partitionIndexes: int32s('0+'),
      }),
      coordinatorEpoch: int32('0+'),
      transactionVersion: int8('2+', { ignorable: true }),
    }),
  },
  response: {
    markers: list('0+', {
      producerId: int64('0+'),
      topics: list('0+', {
        name: string('0+'),
        partitions: list('0+', {
          partitionIndex: int32('0+'),
          errorCode: int16('0+'),
        }),
      }),
    }),
  },
})
