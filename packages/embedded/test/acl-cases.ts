import { Buffer } from 'node:buffer'
import type { Connection } from '@millrace/client/internal'
import { errorCodeOf } from '@millrace/kernel'
import { type ApiName, fill, type Partially, type RequestOf } from '@millrace/protocol/internal'
import { BatchBuilder, utf8Out } from '@millrace/record/internal'

/** Numbers of the protocol. */
export const types = { topic: 2, group: 3, cluster: 4, transactionalId: 5 } as const
export const ops = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const
export type Needed = readonly [type: keyof typeof types, name: string, operation: keyof typeof ops]

/** A filter that every ACL matches. */
export const any = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
} as const

/** The names of all error codes in an answer, at any depth. */
export function errorsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(errorsIn)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    if (/errorCode$/i.test(name) && typeof inner === 'number') return inner === 0 ? [] : [errorCodeOf(inner)]
    return errorsIn(inner)
  })
}

export const batch = () => {
  const builder = new BatchBuilder()
  builder.append(1, null, utf8Out, 'value', utf8Out, null)
  return builder.build()
}

type Case<A extends ApiName> = readonly [A, Partially<RequestOf<A>>, denied: string, ...needed: Needed[]]
function ask<A extends ApiName>(...of: Case<A>) {
  const [api, partial, denied, ...needed] = of
  const send = (from: Connection) => from.send(api, fill(api, 'request', partial))
  return { api, denied, needed, send }
}

export const topicDenied = 'TOPIC_AUTHORIZATION_FAILED'
const groupDenied = 'GROUP_AUTHORIZATION_FAILED'
const clusterDenied = 'CLUSTER_AUTHORIZATION_FAILED'
const idDenied = 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
export const inOrders = [{ partitionIndex: 0 }]
const txn = { transactionalId: 't', producerId: 1, producerEpoch: 0 }

/** Requests, the error that says they are denied, and the ACLs that allow them, each of them needed. */
export const asked = [
  ask(
    'produce',
    { acks: -1, topicData: [{ name: 'orders', partitionData: [{ index: 0, records: batch() }] }] },
    topicDenied,
    ['topic', 'orders', 'write'],
  ),
  ask(
    'fetch',
    { maxBytes: 1000, topics: [{ topic: 'orders', partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }] },
    topicDenied,
    ['topic', 'orders', 'read'],
  ),
  ask(
    'listOffsets',
    { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] },
    topicDenied,
    ['topic', 'orders', 'describe'],
  ),
  ask('metadata', { topics: [{ name: 'orders' }] }, topicDenied, ['topic', 'orders', 'read']),
  ask(
    'metadata',
    { topics: [{ name: 'made' }], allowAutoTopicCreation: true },
    topicDenied,
    ['topic', 'made', 'describe'],
    ['topic', 'made', 'create'],
  ),
  ask(
    'offsetForLeaderEpoch',
    { topics: [{ topic: 'orders', partitions: [{ partition: 0, leaderEpoch: 0 }] }] },
    topicDenied,
    ['topic', 'orders', 'describe'],
  ),
  ask(
    'createTopics',
    { topics: [{ name: 'new', numPartitions: 1, replicationFactor: 1 }] },
    topicDenied,
    ['cluster', 'kafka-cluster', 'create'],
    ['topic', 'new', 'describeConfigs'],
  ),
  ask('createPartitions', { topics: [{ name: 'orders', count: 2 }], validateOnly: true }, topicDenied, [
    'topic',
    'orders',
    'alter',
  ]),
  ask('deleteRecords', { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: 0 }] }] }, topicDenied, [
    'topic',
    'orders',
    'delete',
  ]),
  ask('deleteTopics', { topics: [{ name: 'new' }] }, topicDenied, ['topic', 'new', 'delete']),
  ask('describeConfigs', { resources: [{ resourceType: 2, resourceName: 'orders' }] }, topicDenied, [
    'topic',
    'orders',
    'alterConfigs',
  ]),
  ask('describeConfigs', { resources: [{ resourceType: 4, resourceName: '0' }] }, clusterDenied, [
    'cluster',
    'kafka-cluster',
    'describeConfigs',
  ]),
  ask(
    'incrementalAlterConfigs',
    { resources: [{ resourceType: 2, resourceName: 'orders', configs: [{ name: 'retention.ms', value: '1000' }] }] },
    topicDenied,
    ['topic', 'orders', 'alterConfigs'],
  ),
  ask('findCoordinator', { coordinatorKeys: ['g'] }, groupDenied, ['group', 'g', 'describe']),
  ask('findCoordinator', { keyType: 1, coordinatorKeys: ['t'] }, idDenied, ['transactionalId', 't', 'describe']),
  ask(
    'offsetFetch',
    { groups: [{ groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] }] },
    groupDenied,
    ['group', 'g', 'describe'],
    ['topic', 'orders', 'describe'],
  ),
  ask(
    'offsetCommit',
    { groupId: 'g', topics: [{ name: 'orders', partitions: inOrders }] },
    groupDenied,
    ['group', 'g', 'read'],
    ['topic', 'orders', 'read'],
  ),
  ask(
    'offsetDelete',
    { groupId: 'g', topics: [{ name: 'orders', partitions: inOrders }] },
    groupDenied,
    ['group', 'g', 'delete'],
    ['topic', 'orders', 'read'],
  ),
  ask('describeGroups', { groups: ['g'] }, groupDenied, ['group', 'g', 'describe']),
  ask('deleteGroups', { groupsNames: ['nobody'] }, groupDenied, ['group', 'nobody', 'delete']),
  ask('initProducerId', { transactionalId: null, transactionTimeoutMs: 1000 }, clusterDenied, [
    'topic',
    'anything',
    'write',
  ]),
  ask('initProducerId', { transactionalId: null, transactionTimeoutMs: 1000 }, clusterDenied, [
    'cluster',
    'kafka-cluster',
    'idempotentWrite',
  ]),
  ask('initProducerId', { transactionalId: 't', transactionTimeoutMs: 1000 }, idDenied, [
    'transactionalId',
    't',
    'write',
  ]),
  ask('addOffsetsToTxn', { ...txn, groupId: 'g' }, idDenied, ['transactionalId', 't', 'write'], ['group', 'g', 'read']),
  ask('endTxn', { ...txn, committed: true }, idDenied, ['transactionalId', 't', 'write']),
  ask(
    'txnOffsetCommit',
    { ...txn, groupId: 'g', topics: [{ name: 'orders', partitions: inOrders }] },
    idDenied,
    ['transactionalId', 't', 'write'],
    ['group', 'g', 'read'],
    ['topic', 'orders', 'read'],
  ),
  ask('describeAcls', { ...any, patternTypeFilter: 1 }, clusterDenied, ['cluster', 'kafka-cluster', 'describe']),
  ask(
    'createAcls',
    {
      creations: [
        { resourceType: 2, resourceName: 'x', principal: 'User:x', host: '*', operation: 3, permissionType: 3 },
      ],
    },
    clusterDenied,
    ['cluster', 'kafka-cluster', 'alter'],
  ),
  ask('deleteAcls', { filters: [{ ...any, resourceNameFilter: 'nobody' }] }, clusterDenied, [
    'cluster',
    'kafka-cluster',
    'alter',
  ]),
  ...(['alter', 'clusterAction'] as const).map((operation) =>
    ask(
      'writeTxnMarkers',
      { markers: [{ producerId: 1, topics: [{ name: 'nowhere', partitionIndexes: [0] }] }] },
      clusterDenied,
      ['cluster', 'kafka-cluster', operation],
    ),
  ),
  ask('describeProducers', { topics: [{ name: 'orders', partitionIndexes: [0] }] }, topicDenied, [
    'topic',
    'orders',
    'read',
  ]),
  ask('describeLogDirs', { topics: null }, clusterDenied, ['cluster', 'kafka-cluster', 'describe']),
  ask('describeTopicPartitions', { topics: [{ name: 'orders' }] }, topicDenied, ['topic', 'orders', 'describe']),
  ask('describeTransactions', { transactionalIds: ['t'] }, idDenied, ['transactionalId', 't', 'describe']),
  ask('joinGroup', { groupId: 'g', sessionTimeoutMs: 1 }, groupDenied, ['group', 'g', 'read']),
  ask('syncGroup', { groupId: 'g' }, groupDenied, ['group', 'g', 'read']),
  ask('heartbeat', { groupId: 'g' }, groupDenied, ['group', 'g', 'read']),
  ask('leaveGroup', { groupId: 'g' }, groupDenied, ['group', 'g', 'read']),
  ask('describeUserScramCredentials', { users: null }, clusterDenied, ['cluster', 'kafka-cluster', 'describe']),
  ask('alterUserScramCredentials', { deletions: [{ name: 'nobody', mechanism: 1 }] }, clusterDenied, [
    'cluster',
    'kafka-cluster',
    'alter',
  ]),
]
