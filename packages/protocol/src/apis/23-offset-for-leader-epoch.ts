import { defineApi } from '../api.ts'
import { int16, int32, int64, list, string } from '../fields.ts'

/**
 * OffsetForLeaderEpoch: where a leader epoch ended, so that a client sees whether its position was cut off
 * (KIP-320).
 *
 * 2 the current leader epoch is checked. 3 replica id. 4 flexible.
 */
export const offsetForLeaderEpoch = defineApi({
  key: 23,
  versions: '2-4',
  flexible: '4+',
  request: {
    replicaId: int32('3+', { default: -2, ignorable: true }),
    topics: list('0+', {
      topic: string('0+'),
      partitions: list('0+', {
        partition: int32('0+'),
        currentLeaderEpoch: int32('2+', { default: -1, ignorable: true }),
        leaderEpoch: int32('0+'),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('2+', { ignorable: true }),
    topics: list('0+', {
      topic: string('0+'),
      partitions: list('0+', {
        errorCode: int16('0+'),
        partition: int32('0+'),
        leaderEpoch: int32('1+', { default: -1, ignorable: true }),
        endOffset: int64('0+', { default: -1 }),
      }),
    }),
  },
})
