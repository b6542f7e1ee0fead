import { type ApiName, apiOf } from './apis.ts'
import { includes, type VersionRange, type Versions, versionRange } from './versions.ts'

/**
 * Every API key that Kafka 4.3 knows. `served` names the versions our broker answers, `advertised` what it says when
 * that differs; a row without `served` is known and not served. Keys 4 to 7 were removed from Kafka and are never used
 * again.
 */
const rows = [
  // Newer versions name topics by id only; librdkafka takes a broker without Produce 0 for one without record batches.
  { key: 0, name: 'produce', served: '3-12', advertised: '0-12' },
  { key: 1, name: 'fetch', served: '4-17' },
  { key: 2, name: 'listOffsets', served: '1-10' },
  { key: 3, name: 'metadata', served: '0-13' },
  { key: 4, name: 'leaderAndIsr' },
  { key: 5, name: 'stopReplica' },
  { key: 6, name: 'updateMetadata' },
  { key: 7, name: 'controlledShutdown' },
  { key: 8, name: 'offsetCommit', served: '2-9' },
  { key: 9, name: 'offsetFetch', served: '1-9' },
  { key: 10, name: 'findCoordinator', served: '0-6' },
  { key: 11, name: 'joinGroup', served: '0-9' },
  { key: 12, name: 'heartbeat', served: '0-4' },
  { key: 13, name: 'leaveGroup', served: '0-5' },
  { key: 14, name: 'syncGroup', served: '0-5' },
  { key: 15, name: 'describeGroups', served: '0-6' },
  { key: 16, name: 'listGroups', served: '0-5' },
  { key: 17, name: 'saslHandshake', served: '0-1' },
  { key: 18, name: 'apiVersions', served: '0-4' },
  { key: 19, name: 'createTopics', served: '2-7' },
  { key: 20, name: 'deleteTopics', served: '1-6' },
  { key: 21, name: 'deleteRecords', served: '0-2' },
  { key: 22, name: 'initProducerId', served: '0-5' },
  { key: 23, name: 'offsetForLeaderEpoch', served: '2-4' },
  { key: 24, name: 'addPartitionsToTxn', served: '0-5' },
  { key: 25, name: 'addOffsetsToTxn', served: '0-4' },
  { key: 26, name: 'endTxn', served: '0-5' },
  { key: 27, name: 'writeTxnMarkers', served: '1-2' },
  { key: 28, name: 'txnOffsetCommit', served: '0-5' },
  { key: 29, name: 'describeAcls', served: '1-3' },
  { key: 30, name: 'createAcls', served: '1-3' },
  { key: 31, name: 'deleteAcls', served: '1-3' },
  { key: 32, name: 'describeConfigs', served: '1-4' },
  { key: 33, name: 'alterConfigs', served: '0-2' },
  { key: 34, name: 'alterReplicaLogDirs' },
  { key: 35, name: 'describeLogDirs', served: '1-5' },
  { key: 36, name: 'saslAuthenticate', served: '0-2' },
  { key: 37, name: 'createPartitions', served: '0-3' },
  { key: 38, name: 'createDelegationToken' },
  { key: 39, name: 'renewDelegationToken' },
  { key: 40, name: 'expireDelegationToken' },
  { key: 41, name: 'describeDelegationToken' },
  { key: 42, name: 'deleteGroups', served: '0-2' },
  { key: 43, name: 'electLeaders', served: '0-2' },
  { key: 44, name: 'incrementalAlterConfigs', served: '0-1' },
  { key: 45, name: 'alterPartitionReassignments', served: '0-1' },
  { key: 46, name: 'listPartitionReassignments', served: '0' },
  { key: 47, name: 'offsetDelete', served: '0' },
  { key: 48, name: 'describeClientQuotas', served: '0-1' },
  { key: 49, name: 'alterClientQuotas' },
  { key: 50, name: 'describeUserScramCredentials', served: '0' },
  { key: 51, name: 'alterUserScramCredentials', served: '0' },
  { key: 52, name: 'vote' },
  { key: 53, name: 'beginQuorumEpoch' },
  { key: 54, name: 'endQuorumEpoch' },
  { key: 55, name: 'describeQuorum' },
  { key: 56, name: 'alterPartition' },
  { key: 57, name: 'updateFeatures' },
  { key: 58, name: 'envelope' },
  { key: 59, name: 'fetchSnapshot' },
  { key: 60, name: 'describeCluster', served: '0-2' },
  { key: 61, name: 'describeProducers', served: '0' },
  { key: 62, name: 'brokerRegistration' },
  { key: 63, name: 'brokerHeartbeat' },
  { key: 64, name: 'unregisterBroker' },
  { key: 65, name: 'describeTransactions', served: '0' },
  { key: 66, name: 'listTransactions', served: '0-2' },
  { key: 67, name: 'allocateProducerIds' },
  { key: 68, name: 'consumerGroupHeartbeat' },
  { key: 69, name: 'consumerGroupDescribe' },
  { key: 70, name: 'controllerRegistration' },
  { key: 71, name: 'getTelemetrySubscriptions' },
  { key: 72, name: 'pushTelemetry' },
  { key: 73, name: 'assignReplicasToDirs' },
  { key: 74, name: 'listConfigResources', served: '0-1' },
  { key: 75, name: 'describeTopicPartitions', served: '0' },
  { key: 76, name: 'shareGroupHeartbeat' },
  { key: 77, name: 'shareGroupDescribe' },
  { key: 78, name: 'shareFetch' },
  { key: 79, name: 'shareAcknowledge' },
  { key: 80, name: 'addRaftVoter' },
  { key: 81, name: 'removeRaftVoter' },
  { key: 82, name: 'updateRaftVoter' },
  { key: 83, name: 'initializeShareGroupState' },
  { key: 84, name: 'readShareGroupState' },
  { key: 85, name: 'writeShareGroupState' },
  { key: 86, name: 'deleteShareGroupState' },
  { key: 87, name: 'readShareGroupStateSummary' },
  { key: 88, name: 'streamsGroupHeartbeat' },
  { key: 89, name: 'streamsGroupDescribe' },
  { key: 90, name: 'describeShareGroupOffsets' },
  { key: 91, name: 'alterShareGroupOffsets' },
  { key: 92, name: 'deleteShareGroupOffsets' },
] as const satisfies readonly LedgerRow[]

type LedgerRow =
  | { readonly key: number; readonly name: ApiName; readonly served: Versions; readonly advertised?: Versions }
  | { readonly key: number; readonly name: string; readonly served?: never }

export interface ServedApi {
  readonly key: number
  readonly name: ApiName
  /** What is answered. */
  readonly served: VersionRange
  /** What ApiVersions says. */
  readonly advertised: VersionRange
}

/** The APIs our broker serves, by key. */
export const servedApis: ReadonlyMap<number, ServedApi> = new Map(
  rows.flatMap((row: LedgerRow) => {
    if (row.served === undefined) return []
    const { key, name, served, advertised = served } = row
    return [[key, { key, name, served: versionRange(served), advertised: versionRange(advertised) }]]
  }),
)

const names: ReadonlyMap<number, string> = new Map(rows.map((row) => [row.key, row.name]))

/** Kafka's name of a key, whether we serve it or not; `undefined` for a key that Kafka 4.3 does not know. */
export function apiNameOf(key: number): string | undefined {
  return names.get(key)
}

/** 2 for flexible versions, else 1. Version 0, without a client id, died with ZooKeeper. */
export function requestHeaderVersion(api: ApiName, version: number): 1 | 2 {
  return includes(apiOf(api).flexible, version) ? 2 : 1
}

/**
 * 1 for flexible versions, else 0; always 0 for ApiVersions, whose answer must be readable before anything is known of
 * its sender (KIP-511).
 */
export function responseHeaderVersion(api: ApiName, version: number): 0 | 1 {
  return api !== 'apiVersions' && includes(apiOf(api).flexible, version) ? 1 : 0
}
