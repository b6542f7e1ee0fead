import { defineApi } from '../api.ts'
import { bool, int16, int32, int32s, list, string, uuid } from '../fields.ts'

/**
 * Metadata: brokers, topics, partitions and their leaders.
 *
 * 0 an empty list of topics means all. 1 null means all, an empty list none; racks, controller. 2 cluster id. 4
 * automatic creation can be refused. 5 offline replicas. 7 leader epochs. 8 authorised operations. 9 flexible. 10
 * topic ids in the response. 11 authorised operations of the cluster go (KIP-700). 12 topics may be asked for by id.
 * 13 an error of the whole response.
 */
export const metadata = defineApi({
  key: 3,
  versions: '0-13',
  flexible: '9+',
  request: {
    topics: list(
      '0+',
      {
        topicId: uuid('10+', { ignorable: true }),
        name: string('0+', { nullable: '10+' }),
      },
      { nullable: '1+' },
    ),
    allowAutoTopicCreation: bool('4+', { default: true }),
    includeClusterAuthorizedOperations: bool('8-10'),
    includeTopicAuthorizedOperations: bool('8+'),
  },
  response: {
    throttleTimeMs: int32('3+', { ignorable: true }),
    brokers: list('0+', {
      nodeId: int32('0+'),
      host: string('0+'),
      port: int32('0+'),
      rack: string('1+', { nullable: '1+', default: null, ignorable: true }),
    }),
    clusterId: string('2+', { nullable: '2+', default: null, ignorable: true }),
    controllerId: int32('1+', { default: -1, ignorable: true }),
    topics: list('0+', {
      errorCode: int16('0+'),
      name: string('0+', { nullable: '12+' }),
      topicId: uuid('10+', { ignorable: true }),
      isInternal: bool('1+', { ignorable: true }),
      partitions: list('0+', {
        errorCode: int16('0+'),
        partitionIndex: int32('0+'),
        leaderId: int32('0+'),
        leaderEpoch: int32('7+', { default: -1, ignorable: true }),
        replicaNodes: int32s('0+'),
        isrNodes: int32s('0+'),
        offlineReplicas: int32s('5+', { ignorable: true }),
      }),
      topicAuthorizedOperations: int32('8+', { default: -0x8000_0000 }),
    }),
    clusterAuthorizedOperations: int32('8-10', { default: -0x8000_0000 }),
    errorCode: int16('13+', { ignorable: true }),
  },
  reshape: {
    request: {
      before: 1,
      toOlder: (value) => (value.topics === null ? { ...value, topics: [] } : value),
      toNewer: (value) => (value.topics?.length === 0 ? { ...value, topics: null } : value),
    },
  },
})
