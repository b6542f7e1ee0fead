import type { ApiName } from '@millrace/protocol/internal'
import { answerAddOffsetsToTxn } from './apis/add-offsets-to-txn.ts'
import { answerAddPartitionsToTxn } from './apis/add-partitions-to-txn.ts'
import { answerAlterConfigs } from './apis/alter-configs.ts'
import { answerAlterPartitionReassignments } from './apis/alter-partition-reassignments.ts'
import { answerAlterUserScramCredentials } from './apis/alter-user-scram-credentials.ts'
import { apiVersionsHandler } from './apis/api-versions.ts'
import { answerCreateAcls } from './apis/create-acls.ts'
import { answerCreatePartitions } from './apis/create-partitions.ts'
import { answerCreateTopics } from './apis/create-topics.ts'
import { answerDeleteAcls } from './apis/delete-acls.ts'
import { answerDeleteGroups } from './apis/delete-groups.ts'
import { answerDeleteRecords } from './apis/delete-records.ts'
import { answerDeleteTopics } from './apis/delete-topics.ts'
import { answerDescribeAcls } from './apis/describe-acls.ts'
import { answerDescribeClientQuotas } from './apis/describe-client-quotas.ts'
import { answerDescribeCluster } from './apis/describe-cluster.ts'
import { answerDescribeConfigs } from './apis/describe-configs.ts'
import { answerDescribeGroups } from './apis/describe-groups.ts'
import { answerDescribeLogDirs } from './apis/describe-log-dirs.ts'
import { answerDescribeProducers } from './apis/describe-producers.ts'
import { answerDescribeTopicPartitions } from './apis/describe-topic-partitions.ts'
import { answerDescribeTransactions } from './apis/describe-transactions.ts'
import { answerDescribeUserScramCredentials } from './apis/describe-user-scram-credentials.ts'
import { answerElectLeaders } from './apis/elect-leaders.ts'
import { answerEndTxn } from './apis/end-txn.ts'
import { answerFetch } from './apis/fetch.ts'
import { answerFindCoordinator } from './apis/find-coordinator.ts'
import { answerHeartbeat } from './apis/heartbeat.ts'
import { answerIncrementalAlterConfigs } from './apis/incremental-alter-configs.ts'
import { answerInitProducerId } from './apis/init-producer-id.ts'
import { answerJoinGroup } from './apis/join-group.ts'
import { answerLeaveGroup } from './apis/leave-group.ts'
import { answerListConfigResources } from './apis/list-config-resources.ts'
import { answerListGroups } from './apis/list-groups.ts'
import { answerListOffsets } from './apis/list-offsets.ts'
import { answerListPartitionReassignments } from './apis/list-partition-reassignments.ts'
import { answerListTransactions } from './apis/list-transactions.ts'
import { answerMetadata } from './apis/metadata.ts'
import { answerOffsetCommit } from './apis/offset-commit.ts'
import { answerOffsetDelete } from './apis/offset-delete.ts'
import { answerOffsetFetch } from './apis/offset-fetch.ts'
import { answerOffsetForLeaderEpoch } from './apis/offset-for-leader-epoch.ts'
import { answerProduce } from './apis/produce.ts'
import { answerSaslAuthenticate, answerSaslHandshake } from './apis/sasl.ts'
import { answerSyncGroup } from './apis/sync-group.ts'
import { answerTxnOffsetCommit } from './apis/txn-offset-commit.ts'
import { answerWriteTxnMarkers } from './apis/write-txn-markers.ts'
import type { Handler } from './engine.ts'

/** Who answers what. An API without a row is not offered. */
export type Routes = { readonly [A in ApiName]?: Handler<A> }

const answered: Routes = {
  produce: answerProduce,
  fetch: answerFetch,
  listOffsets: answerListOffsets,
  metadata: answerMetadata,
  offsetCommit: answerOffsetCommit,
  offsetFetch: answerOffsetFetch,
  findCoordinator: answerFindCoordinator,
  joinGroup: answerJoinGroup,
  heartbeat: answerHeartbeat,
  leaveGroup: answerLeaveGroup,
  syncGroup: answerSyncGroup,
  createTopics: answerCreateTopics,
  initProducerId: answerInitProducerId,
  alterConfigs: answerAlterConfigs,
  createPartitions: answerCreatePartitions,
  deleteGroups: answerDeleteGroups,
  deleteRecords: answerDeleteRecords,
  deleteTopics: answerDeleteTopics,
  describeCluster: answerDescribeCluster,
  describeConfigs: answerDescribeConfigs,
  describeGroups: answerDescribeGroups,
  incrementalAlterConfigs: answerIncrementalAlterConfigs,
  listGroups: answerListGroups,
  offsetDelete: answerOffsetDelete,
  offsetForLeaderEpoch: answerOffsetForLeaderEpoch,
  writeTxnMarkers: answerWriteTxnMarkers,
  txnOffsetCommit: answerTxnOffsetCommit,
  listTransactions: answerListTransactions,
  endTxn: answerEndTxn,
  describeTransactions: answerDescribeTransactions,
  describeProducers: answerDescribeProducers,
  describeTopicPartitions: answerDescribeTopicPartitions,
  describeLogDirs: answerDescribeLogDirs,
  addPartitionsToTxn: answerAddPartitionsToTxn,
  addOffsetsToTxn: answerAddOffsetsToTxn,
  saslHandshake: answerSaslHandshake,
  saslAuthenticate: answerSaslAuthenticate,
  describeAcls: answerDescribeAcls,
  createAcls: answerCreateAcls,
  deleteAcls: answerDeleteAcls,
  describeClientQuotas: answerDescribeClientQuotas,
  describeUserScramCredentials: answerDescribeUserScramCredentials,
  alterUserScramCredentials: answerAlterUserScramCredentials,
  electLeaders: answerElectLeaders,
  alterPartitionReassignments: answerAlterPartitionReassignments,
  listPartitionReassignments: answerListPartitionReassignments,
  listConfigResources: answerListConfigResources,
}

const names = Object.keys(answered) as ApiName[]

export const routes: Routes = { ...answered, apiVersions: apiVersionsHandler(new Set([...names, 'apiVersions'])) }
