import { defineApi } from '../api.ts'
import { int16, int32, int64Any, list, string, uuid } from '../fields.ts'

/**
 * OffsetCommit: stores a group's positions.
 *
 * 3 throttle time. 5 retention goes. 6 leader epoch of the position. 7 static members. 8 flexible. 9
 * `generationIdOrMemberEpoch` may be an epoch of the newer protocol (KIP-848). 10 topic ids instead of names.
 */
export const offsetCommit = defineApi({
  key: 8,
  versions: '2-10',
  flexible: '8+',
  request: {
    groupId: string('0+'),
    generationIdOrMemberEpoch: int32('1+', { default: -1, ignorable: true }),
    memberId: string('1+', { ignorable: true }),
    groupInstanceId: string('7+', { nullable: '7+', default: null }),
    retentionTimeMs: int64Any('2-4', { default: -1, ignorable: true }),
    topics: list('0+', {
      name: string('0-9', { ignorable: true }),
      topicId: uuid('10+', { ignorable: true }),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        committedOffset: int64Any('0+'),
        committedLeaderEpoch: int32('6+', { default: -1, ignorable: true }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('3+', { ignorable: true }),
    topics: list('0+', {
      name: string('0-9', { ignorable: true }),
      topicId: uuid('10+', { ignorable: true }),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})
