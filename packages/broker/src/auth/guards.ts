import { type ApiName, fill, type RequestContext, type RequestOf, type ResponseOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { tellOperations } from './authorized-operations.ts'
import { everything } from './authorizer.ts'
import * as groups from './guards/group-guards.ts'
import { cluster, deniedMessage, type Guard } from './guards/guard.ts'
import { guardFetch, guardProduce } from './guards/produce-fetch-guards.ts'
import * as topics from './guards/topic-guards.ts'
import * as transactions from './guards/transaction-guards.ts'

/** Whatever the rights: a login comes before them, and some answers say nothing worth hiding. */
type Open = 'anybody'

/**
 * What each API asks of whoever sends it, as Apache Kafka 4.3 has it (KafkaApis, ControllerApis). Every API of the
 * protocol has its row, so that none is added without one.
 */
const guards: { readonly [A in ApiName]: Guard<A> | Open } = {
  apiVersions: 'anybody',
  saslHandshake: 'anybody',
  saslAuthenticate: 'anybody',
  describeCluster: 'anybody',
  produce: guardProduce,
  fetch: guardFetch,
  metadata: topics.guardMetadata,
  listOffsets: topics.guardListOffsets,
  offsetForLeaderEpoch: topics.guardOffsetForLeaderEpoch,
  createTopics: topics.guardCreateTopics,
  deleteTopics: topics.guardDeleteTopics,
  deleteRecords: topics.guardDeleteRecords,
  createPartitions: topics.guardCreatePartitions,
  describeConfigs: topics.guardDescribeConfigs,
  alterConfigs: topics.guardAlterConfigs,
  incrementalAlterConfigs: topics.guardIncrementalAlterConfigs,
  describeProducers: topics.guardDescribeProducers,
  describeTopicPartitions: topics.guardDescribeTopicPartitions,
  findCoordinator: groups.guardFindCoordinator,
  joinGroup: groups.guardJoinGroup,
  syncGroup: groups.guardSyncGroup,
  heartbeat: groups.guardHeartbeat,
  leaveGroup: groups.guardLeaveGroup,
  describeGroups: groups.guardDescribeGroups,
  listGroups: groups.guardListGroups,
  deleteGroups: groups.guardDeleteGroups,
  offsetCommit: groups.guardOffsetCommit,
  offsetFetch: groups.guardOffsetFetch,
  offsetDelete: groups.guardOffsetDelete,
  initProducerId: transactions.guardInitProducerId,
  addPartitionsToTxn: transactions.guardAddPartitionsToTxn,
  addOffsetsToTxn: transactions.guardAddOffsetsToTxn,
  endTxn: transactions.guardEndTxn,
  writeTxnMarkers: transactions.guardWriteTxnMarkers,
  txnOffsetCommit: transactions.guardTxnOffsetCommit,
  describeTransactions: transactions.guardDescribeTransactions,
  listTransactions: transactions.guardListTransactions,
  describeAcls: cluster('describe', (errorCode) => fill('describeAcls', 'response', refusal(errorCode))),
  createAcls: cluster('alter', (errorCode, { creations }) =>
    fill('createAcls', 'response', { results: creations.map(() => refusal(errorCode)) }),
  ),
  deleteAcls: cluster('alter', (errorCode, { filters }) =>
    fill('deleteAcls', 'response', { filterResults: filters.map(() => refusal(errorCode)) }),
  ),
  describeLogDirs: cluster('describe', (errorCode) => fill('describeLogDirs', 'response', { errorCode })),
  electLeaders: cluster('alter', (errorCode) => fill('electLeaders', 'response', { errorCode })),
  alterPartitionReassignments: cluster('alter', (errorCode) =>
    fill('alterPartitionReassignments', 'response', refusal(errorCode)),
  ),
  listPartitionReassignments: cluster('describe', (errorCode) =>
    fill('listPartitionReassignments', 'response', refusal(errorCode)),
  ),
  describeClientQuotas: cluster('describeConfigs', (errorCode) =>
    fill('describeClientQuotas', 'response', { ...refusal(errorCode), entries: null }),
  ),
  alterClientQuotas: cluster('alterConfigs', (errorCode, { entries }) =>
    fill('alterClientQuotas', 'response', {
      entries: entries.map(({ entity }) => ({ entity, ...refusal(errorCode) })),
    }),
  ),
  describeUserScramCredentials: cluster('describe', (errorCode) =>
    fill('describeUserScramCredentials', 'response', refusal(errorCode)),
  ),
  alterUserScramCredentials: cluster('alter', (errorCode, { deletions, upsertions }) => {
    const users = new Set([...deletions, ...upsertions].map(({ name }) => name))
    const results = [...users].map((user) => ({ user, ...refusal(errorCode) }))
    return fill('alterUserScramCredentials', 'response', { results })
  }),
  describeQuorum: cluster('describe', (errorCode) => fill('describeQuorum', 'response', { errorCode })),
  updateFeatures: cluster('alter', (errorCode) => fill('updateFeatures', 'response', refusal(errorCode))),
  listConfigResources: cluster('describeConfigs', (errorCode) =>
    fill('listConfigResources', 'response', { errorCode }),
  ),
}

/** Runs a handler for whoever may ask for what it does, and answers the rest with what Kafka answers. */
export async function guarded<A extends ApiName>(
  engine: Engine,
  context: RequestContext,
  api: A,
  request: RequestOf<A>,
  handler: Handler<A>,
): Promise<ResponseOf<A>> {
  const { authorizer } = engine.security
  const rights = context.isInProcess ? everything : authorizer.rightsOf(context.principal, context.clientHost)
  const guard: Guard<A> | Open = rights.limited ? guards[api] : 'anybody'
  if (guard === 'anybody') return tellOperations(rights, api, request, await handler(engine, context, request))
  const next = async (allowed: RequestOf<A>) => await handler(engine, context, allowed)
  return tellOperations(rights, api, request, await guard({ rights, engine, context }, request, next))
}

function refusal(errorCode: number) {
  return { errorCode, errorMessage: deniedMessage }
}
