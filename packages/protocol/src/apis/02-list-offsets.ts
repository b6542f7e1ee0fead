import { defineApi } from '../api.ts'
import { int8, int16, int32, int64, int64Any, list, string } from '../fields.ts'

/**
 * ListOffsets: the offset at a time, or an end of the log by a negative time.
 *
 * 2 isolation level. 4 leader epochs. 5 OFFSET_NOT_AVAILABLE. 6 flexible. 7 time -3, the record with the greatest
 * timestamp (KIP-734). 8 time -4, earliest local. 9 time -5, latest tiered. 10 a timeout for remote reads. 11 time
 * -6, earliest not uploaded.
 */
export const listOffsets = defineApi({
  key: 2,
  versions: '1-11',
  flexible: '6+',
  request: {
    replicaId: int32('0+'),
    isolationLevel: int8('2+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        currentLeaderEpoch: int32('4+', { default: -1, ignorable: true }),
        timestamp: int64Any('0+'),
      }),
    }),
    timeoutMs: int32('10+', { ignorable: true }),
  },
  response: {
    throttleTimeMs: int32('2+', { ignorable: true }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        timestamp: int64('1+', { default: -1 }),
        offset: int64('1+', { default: -1 }),
        leaderEpoch: int32('4+', { default: -1 }),
      }),
    }),
  },
})
