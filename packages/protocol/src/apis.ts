import type { Api } from './api.ts'
import { produce } from './apis/00-produce.ts'
import { fetch } from './apis/01-fetch.ts'
import { listOffsets } from './apis/02-list-offsets.ts'
import { metadata } from './apis/03-metadata.ts'
import { offsetCommit } from './apis/08-offset-commit.ts'
import { offsetFetch } from './apis/09-offset-fetch.ts'
import { findCoordinator } from './apis/10-find-coordinator.ts'
import { joinGroup } from './apis/11-join-group.ts'
import { heartbeat } from './apis/12-heartbeat.ts'
import { leaveGroup } from './apis/13-leave-group.ts'
import { syncGroup } from './apis/14-sync-group.ts'
import { describeGroups } from './apis/15-describe-groups.ts'
import { listGroups } from './apis/16-list-groups.ts'
import { apiVersions } from './apis/18-api-versions.ts'
import { createTopics } from './apis/19-create-topics.ts'
import { deleteTopics } from './apis/20-delete-topics.ts'
import { deleteRecords } from './apis/21-delete-records.ts'
import { initProducerId } from './apis/22-init-producer-id.ts'
import { offsetForLeaderEpoch } from './apis/23-offset-for-leader-epoch.ts'
import { describeConfigs } from './apis/32-describe-configs.ts'
import { alterConfigs } from './apis/33-alter-configs.ts'
import { createPartitions } from './apis/37-create-partitions.ts'
import { deleteGroups } from './apis/42-delete-groups.ts'
import { incrementalAlterConfigs } from './apis/44-incremental-alter-configs.ts'
import { offsetDelete } from './apis/47-offset-delete.ts'
import { describeCluster } from './apis/60-describe-cluster.ts'
import type { Fields, ValueOf } from './fields.ts'

/** Every API whose messages we can read and write, by name. The one source of their fields, bytes and types. */
export const apis = {
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeConfigs,
  alterConfigs,
  createPartitions,
  deleteGroups,
  incrementalAlterConfigs,
  offsetDelete,
  describeCluster,
} as const

type Apis = typeof apis

/** Name of an API: Kafka's, in camelCase. */
export type ApiName = keyof Apis
export type Direction = 'request' | 'response'
/**
 * The complete value of a message: every field of every version, so that its reader need not ask which version came.
 */
export type MessageOf<A extends ApiName, D extends Direction> = ValueOf<Apis[A][D]>
/** The complete value of a request. */
export type RequestOf<A extends ApiName> = MessageOf<A, 'request'>
/** The complete value of a response. */
export type ResponseOf<A extends ApiName> = MessageOf<A, 'response'>

export function isApiName(name: string): name is ApiName {
  return Object.hasOwn(apis, name)
}

/** The table of one message without its static type: what codecs walk. */
export function fieldsOf(api: ApiName, direction: Direction): Fields {
  return apis[api][direction]
}

/** The API without the static types of its messages. */
export function apiOf(api: ApiName): Api<Fields, Fields> {
  return apis[api]
}
