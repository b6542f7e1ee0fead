import type {
  AclEntry,
  AclFilter,
  Admin,
  AdminEvents,
  AlterConfigsResponse,
  CreatePartitionsOptions,
  CreateTopicsOptions,
  DeleteAclResponse,
  DescribeAclResponse,
  DescribeConfigResponse,
  GroupDescriptions,
  IResourceConfig,
  ITopicMetadata,
  ListPartitionReassignmentsResponse,
  PartitionReassignment,
  ResourceConfigQuery,
  SeekEntry,
} from '../admin.ts'
import type { Emitter } from '../emitter.ts'
import type { DeleteGroupsResult } from '../errors.ts'
import type { InstrumentationEvent } from '../events.ts'
import type { Link } from '../link.ts'
import type { Logger } from '../logger.ts'
import type { TopicPartitions } from '../message.ts'
import { createAcls, deleteAcls, describeAcls } from './acls.ts'
import { alterConfigs, describeConfigs } from './configs.ts'
import { deletedGroups, describedGroups, type GroupOverview, listedGroups } from './groups.ts'
import {
  deleteRecords,
  type GroupOffsets,
  groupOffsets,
  setGroupOffsets,
  type TopicOffset,
  topicOffsets,
  topicOffsetsByTime,
} from './offsets.ts'
import { alterReassignments, listReassignments } from './reassignments.ts'
import {
  createPartitions,
  createTopics,
  deleteTopics,
  listedTopics,
  partitionNumbers,
  topicMetadata,
} from './topics.ts'

export interface KafkaAdminParts {
  readonly link: Link
  readonly emitter: Emitter
  readonly logger: Logger
  readonly events: AdminEvents
}

/** kafkajs's admin: each call one or a few requests, tried again as `retry` says. Connects by itself where need be. */
export class KafkaAdmin implements Admin {
  readonly events: AdminEvents
  readonly #link: Link
  readonly #emitter: Emitter
  readonly #logger: Logger

  constructor({ link, emitter, logger, events }: KafkaAdminParts) {
    this.events = events
    this.#link = link
    this.#emitter = emitter
    this.#logger = logger.namespace('Admin')
  }

  async connect(): Promise<void> {
    await this.#link.open()
    this.#emitter.emit(this.events.CONNECT, null)
  }

  async disconnect(): Promise<void> {
    await this.#link.close()
    this.#emitter.emit(this.events.DISCONNECT, null)
  }

  listTopics(): Promise<string[]> {
    return listedTopics(this.#link)
  }

  async createTopics(options: CreateTopicsOptions): Promise<boolean> {
    return createTopics(this.#link, options)
  }

  async deleteTopics({ topics, timeout }: { topics: string[]; timeout?: number }): Promise<void> {
    await deleteTopics(this.#link, topics, timeout)
  }

  async createPartitions(options: CreatePartitionsOptions): Promise<boolean> {
    await createPartitions(this.#link, options)
    return true
  }

  async fetchTopicMetadata({ topics = [] }: { topics?: string[] } = {}): Promise<{ topics: ITopicMetadata[] }> {
    return { topics: await topicMetadata(this.#link, topics) }
  }

  async fetchOffsets(options: {
    groupId: string
    topics?: string[]
    resolveOffsets?: boolean
  }): Promise<GroupOffsets[]> {
    const { groupId, topics = [], resolveOffsets = false } = options
    return groupOffsets(this.#link, groupId, topics, resolveOffsets)
  }

  async fetchTopicOffsets(topic: string): Promise<TopicOffset[]> {
    return topicOffsets(this.#link, topic)
  }

  async fetchTopicOffsetsByTimestamp(topic: string, timestamp?: number): Promise<SeekEntry[]> {
    return topicOffsetsByTime(this.#link, topic, timestamp)
  }

  async describeCluster() {
    const { brokers, controllerId, clusterId } = await this.#link.metadata([])
    return {
      brokers: brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port })),
      controller: controllerId < 0 ? null : controllerId,
      clusterId: clusterId ?? '',
    }
  }

  async setOffsets(options: { groupId: string; topic: string; partitions: SeekEntry[] }): Promise<void> {
    await setGroupOffsets(this.#link, options.groupId, options.topic, options.partitions)
  }

  async resetOffsets(options: { groupId: string; topic: string; earliest?: boolean }): Promise<void> {
    const { groupId, topic, earliest = false } = options
    const partitions = topic && groupId ? await partitionNumbers(this.#link, topic) : []
    const offset = earliest ? '-2' : '-1'
    const rows = partitions.map((partition) => ({ partition, offset }))
    await setGroupOffsets(this.#link, groupId, topic, rows)
  }

  async describeConfigs(configs: {
    resources: ResourceConfigQuery[]
    includeSynonyms: boolean
  }): Promise<DescribeConfigResponse> {
    return describeConfigs(this.#link, configs.resources, configs.includeSynonyms)
  }

  async alterConfigs(configs: { validateOnly: boolean; resources: IResourceConfig[] }): Promise<AlterConfigsResponse> {
    return alterConfigs(this.#link, configs.resources, configs.validateOnly)
  }

  async listGroups(): Promise<{ groups: GroupOverview[] }> {
    return { groups: await listedGroups(this.#link) }
  }

  async deleteGroups(groupIds: string[]): Promise<DeleteGroupsResult[]> {
    return deletedGroups(this.#link, groupIds)
  }

  async describeGroups(groupIds: string[]): Promise<GroupDescriptions> {
    return { groups: await describedGroups(this.#link, groupIds) }
  }

  async describeAcls(options: AclFilter): Promise<DescribeAclResponse> {
    return describeAcls(this.#link, options)
  }

  async deleteAcls(options: { filters: AclFilter[] }): Promise<DeleteAclResponse> {
    return deleteAcls(this.#link, options.filters)
  }

  async createAcls(options: { acl: AclEntry[] }): Promise<boolean> {
    await createAcls(this.#link, options.acl)
    return true
  }

  async deleteTopicRecords(options: { topic: string; partitions: SeekEntry[] }): Promise<void> {
    await deleteRecords(this.#link, options.topic, options.partitions)
  }

  async alterPartitionReassignments(request: { topics: PartitionReassignment[]; timeout?: number }): Promise<void> {
    await alterReassignments(this.#link, request.topics, request.timeout)
  }

  async listPartitionReassignments(
    request: { topics?: TopicPartitions[]; timeout?: number } = {},
  ): Promise<ListPartitionReassignmentsResponse> {
    return listReassignments(this.#link, request.topics, request.timeout)
  }

  logger(): Logger {
    return this.#logger
  }

  on(eventName: string, listener: (event: InstrumentationEvent<never>) => void): () => void {
    return this.#emitter.on(eventName, listener)
  }
}
