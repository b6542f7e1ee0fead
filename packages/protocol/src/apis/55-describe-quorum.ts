import { defineApi } from '../api.ts'
import { int16, int32, int64, list, string, uint16, uuid } from '../fields.ts'

/**
 * DescribeQuorum: voters and observers of the metadata quorum (KIP-595).
 *
 * 1 fetch times (KIP-836). 2 messages, nodes, directory ids (KIP-853).
 */
export const describeQuorum = defineApi({
  key: 55,
  versions: '0-2',
  flexible: '0+',
  request: {
    topics: list('0+', {
      topicName: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
      }),
    }),
  },
  response: {
    errorCode: int16('0+'),
    errorMessage: string('2+', { nullable: '2+', ignorable: true }),
    topics: list('0+', {
      topicName: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('2+', { nullable: '2+', ignorable: true }),
        leaderId: int32('0+'),
        leaderEpoch: int32('0+'),
        highWatermark: int64('0+'),
        currentVoters: list('0+', {
          replicaId: int32('0+'),
          replicaDirectoryId: uuid('2+'),
          logEndOffset: int64('0+'),
          lastFetchTimestamp: int64('1+', { default: -1, ignorable: true }),
          lastCaughtUpTimestamp: int64('1+', { default: -1, ignorable: true }),
        }),
        observers: list('0+', {
          replicaId: int32('0+'),
          replicaDirectoryId: uuid('2+'),
          logEndOffset: int64('0+'),
          lastFetchTimestamp: int64('1+', { default: -1, ignorable: true }),
          lastCaughtUpTimestamp: int64('1+', { default: -1, ignorable: true }),
        }),
      }),
    }),
    nodes: list('2+', {
      nodeId: int32('2+'),
      listeners: list('2+', {
        name: string('2+'),
        host: string('2+'),
        port: uint16('2+'),
      }),
    }),
  },
})
