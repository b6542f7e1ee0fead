import { defineApi } from '../api.ts'
import { bool, int16, int32, int32s, int64Any, list, string, uuid, zeroUuid } from '../fields.ts'

/**
 * OffsetFetch: reads a group's positions.
 *
 * 2 null asks for all topics; an error of the whole group. 3 throttle time. 5 leader epochs. 6 flexible. 7
 * `requireStable`. 8 many groups at once, in `groups`. 9 member and epoch (KIP-848). 10 topic ids instead of names.
 */
export const offsetFetch = defineApi({
  key: 9,
  versions: '1-10',
  flexible: '6+',
  request: {
    groupId: string('0-7'),
    topics: list(
      '0-7',
      {
        name: string('0-7'),
        partitionIndexes: int32s('0-7'),
      },
      { nullable: '2-7' },
    ),
    groups: list('8+', {
      groupId: string('8+'),
      memberId: string('9+', { nullable: '9+', default: null, ignorable: true }),
      memberEpoch: int32('9+', { default: -1, ignorable: true }),
      topics: list(
        '8+',
        {
          name: string('8-9', { ignorable: true }),
          topicId: uuid('10+', { ignorable: true }),
          partitionIndexes: int32s('8+'),
        },
        { nullable: '8+' },
      ),
    }),
    requireStable: bool('7+'),
  },
  response: {
    throttleTimeMs: int32('3+', { ignorable: true }),
    topics: list('0-7', {
      name: string('0-7'),
      partitions: list('0-7', {
        partitionIndex: int32('0-7'),
        committedOffset: int64Any('0-7'),
        committedLeaderEpoch: int32('5-7', { default: -1, ignorable: true }),
        metadata: string('0-7', { nullable: '0-7' }),
        errorCode: int16('0-7'),
      }),
    }),
    errorCode: int16('2-7', { ignorable: true }),
    groups: list('8+', {
      groupId: string('8+'),
      topics: list('8+', {
        name: string('8-9', { ignorable: true }),
        topicId: uuid('10+', { ignorable: true }),
        partitions: list('8+', {
          partitionIndex: int32('8+'),
          committedOffset: int64Any('8+'),
          committedLeaderEpoch: int32('8+', { default: -1, ignorable: true }),
          metadata: string('8+', { nullable: '8+' }),
          errorCode: int16('8+'),
        }),
      }),
      errorCode: int16('8+'),
    }),
  },
  reshape: {
    request: {
      before: 8,
      toOlder: (value) => {
        const [group, ...others] = value.groups
        if (group === undefined || others.length > 0) return value
        const topics = group.topics?.map(({ name, partitionIndexes }) => ({ name, partitionIndexes })) ?? null
        return { ...value, groupId: group.groupId, topics, groups: [] }
      },
      toNewer: (value) => {
        const topics = value.topics?.map((topic) => ({ ...topic, topicId: zeroUuid })) ?? null
        const group = { groupId: value.groupId, memberId: null, memberEpoch: -1, topics }
        return { ...value, groupId: '', topics: [], groups: [group] }
      },
    },
    response: {
      before: 8,
      toOlder: (value) => {
        const [group, ...others] = value.groups
        if (group === undefined || others.length > 0) return value
        const topics = group.topics.map(({ name, partitions }) => ({ name, partitions }))
        return { ...value, topics, errorCode: group.errorCode, groups: [] }
      },
      toNewer: (value) => {
        const topics = value.topics.map((topic) => ({ ...topic, topicId: zeroUuid }))
        return { ...value, topics: [], errorCode: 0, groups: [{ groupId: '', topics, errorCode: value.errorCode }] }
      },
    },
  },
})
