import { defineApi } from '../api.ts'
import { bool, int16, int32, int32s, list, string, struct, uuid } from '../fields.ts'

/**
 * DescribeTopicPartitions: partitions of topics, page by page (KIP-966).
 */
export const describeTopicPartitions = defineApi({
  key: 75,
  versions: '0',
  flexible: '0+',
  request: {
    topics: list('0+', {
      name: string('0+'),
    }),
    responsePartitionLimit: int32('0+', { default: 2000 }),
    cursor: struct(
      '0+',
      {
        topicName: string('0+'),
        partitionIndex: int32('0+'),
      },
      { nullable: '0+', default: null },
    ),
  },
  response: {
    throttleTimeMs: int32('0+', { ignorable: true }),
    topics: list('0+', {
      errorCode: int16('0+'),
      name: string('0+', { nullable: '0+' }),
      topicId: uuid('0+', { ignorable: true }),
      isInternal: bool('0+', { ignorable: true }),
      partitions: list('0+', {
        errorCode: int16('0+'),
        partitionIndex: int32('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+', { default: -1, ignorable: true }),
        replicaNodes: int32s('0+'),
        isrNodes: int32s('0+'),
        eligibleLeaderReplicas: int32s('0+', { nullable: '0+', default: null }),
        lastKnownElr: int32s('0+', { nullable: '0+', default: null }),
        offlineReplicas: int32s('0+', { ignorable: true }),
      }),
      topicAuthorizedOperations: int32('0+', { default: -0x8000_0000 }),
    }),
    nextCursor: struct(
      '0+',
      {
        topicName: string('0+'),
        partitionIndex: int32('0+'),
      },
      { nullable: '0+', default: null },
    ),
  },
})
