import {
  codeOf,
  errorCodeOf,
  kafkaError,
  MillraceError,
  type Offset,
  type TopicPartition,
  TopicPartitionMap,
} from '@millrace/kernel'
import {
  type ApiName,
  type Connection,
  fill,
  type Partially,
  type RequestOf,
  type ResponseOf,
} from '@millrace/protocol/internal'
import type { Admin, ConfigEntry, GroupDescription, NewTopic, TopicDescription } from '../admin.ts'
import { retrying } from '../cluster/backoff.ts'
import { type Cluster, throwIfError } from '../cluster/cluster.ts'
import { earliest, latest, listOffsets } from '../cluster/list-offsets.ts'
import { decodeAssignment } from '../consumer/consumer-protocol.ts'
import { Coordinator } from '../consumer/coordinator.ts'
import { commitOffsets, fetchOffsets } from '../consumer/group-offsets.ts'
import { refuseUnknown } from '../options.ts'
import type { OffsetAndMetadata } from '../records.ts'
import { deleteRecords } from './delete-records.ts'

const requestTimeoutMs = 30_000

const topicResource = 2
/** IncrementalAlterConfigs' operations. */
const setConfig = 0
const deleteConfig = 1
/** DescribeConfigs' sources. */
const dynamicTopicConfig = 1
const defaultConfig = 5

/** The admin calls over one cluster. Holds nothing of its own but the ways to group coordinators while it asks. */
export class ClusterAdmin implements Admin {
  readonly #cluster: Cluster
  #closed = false

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  async createTopics(topics: readonly NewTopic[]): Promise<readonly string[]> {
    if (topics.length === 0) return []
    for (const topic of topics) {
      refuseUnknown(`topic ${topic.name}`, topic, ['name', 'partitions', 'replicationFactor', 'configs'])
    }
    const made: string[] = []
    await this.#retrying(async () => {
      const answer = await this.#askController('createTopics', {
        topics: topics.map((topic) => ({
          name: topic.name,
          numPartitions: topic.partitions ?? -1,
          replicationFactor: topic.replicationFactor ?? -1,
          configs: Object.entries(topic.configs ?? {}).map(([name, value]) => ({ name, value })),
        })),
        timeoutMs: requestTimeoutMs,
      })
      for (const row of answer.topics) {
        if (errorCodeOf(row.errorCode) === 'TOPIC_ALREADY_EXISTS') continue
        throwIfError(row.errorCode, `topic ${row.name}`, row.errorMessage ?? undefined)
        made.push(row.name)
      }
    })
    return made
  }

  async deleteTopics(names: readonly string[]): Promise<void> {
    if (names.length === 0) return
    await this.#retrying(async () => {
      const answer = await this.#askController('deleteTopics', {
        topics: names.map((name) => ({ name })),
        topicNames: names,
        timeoutMs: requestTimeoutMs,
      })
      for (const row of answer.responses) {
        throwIfError(row.errorCode, `topic ${row.name}`, row.errorMessage ?? undefined)
      }
    })
    this.#cluster.forgetTopics(names)
  }

  async createPartitions(topic: string, total: number): Promise<void> {
    await this.#retrying(async () => {
      const topics = [{ name: topic, count: total, assignments: null }]
      const answer = await this.#askController('createPartitions', { topics, timeoutMs: requestTimeoutMs })
      for (const row of answer.results) throwIfError(row.errorCode, `topic ${row.name}`, row.errorMessage ?? undefined)
    })
    await this.#cluster.refresh([topic])
  }

  async listTopics(): Promise<readonly string[]> {
    const answer = await this.#askAny('metadata', { topics: null, allowAutoTopicCreation: false })
    return answer.topics.flatMap((topic) => (topic.name === null ? [] : [topic.name])).sort()
  }

  async describeTopics(names: readonly string[]): Promise<readonly TopicDescription[]> {
    const topics = names.map((name) => ({ name }))
    const answer = await this.#askAny('metadata', { topics, allowAutoTopicCreation: false })
    const found: TopicDescription[] = []
    for (const row of answer.topics) {
      const code = errorCodeOf(row.errorCode)
      if (row.name === null || code === 'UNKNOWN_TOPIC_OR_PARTITION') continue
      if (code !== 'LEADER_NOT_AVAILABLE') throwIfError(row.errorCode, `topic ${row.name}`)
      const partitions = row.partitions
        .map((p) => ({ partition: p.partitionIndex, leader: p.leaderId, leaderEpoch: p.leaderEpoch }))
        .sort((a, b) => a.partition - b.partition)
      found.push({ name: row.name, topicId: row.topicId, internal: row.isInternal, partitions })
    }
    return found
  }

  async topicConfigs(topic: string): Promise<ReadonlyMap<string, ConfigEntry>> {
    const resources = [{ resourceType: topicResource, resourceName: topic, configurationKeys: null }]
    const answer = await this.#askAny('describeConfigs', { resources })
    const entries = new Map<string, ConfigEntry>()
    for (const result of answer.results) {
      throwIfError(result.errorCode, `topic ${topic}`, result.errorMessage ?? undefined)
      for (const row of result.configs) {
        const { name, value, readOnly, isSensitive: sensitive } = row
        entries.set(name, { value, source: sourceOf(row.configSource), readOnly, sensitive })
      }
    }
    return entries
  }

  async alterTopicConfigs(topic: string, changes: Readonly<Record<string, string | null>>): Promise<void> {
    const configs = Object.entries(changes).map(([name, value]) => ({
      name,
      configOperation: value === null ? deleteConfig : setConfig,
      value,
    }))
    await this.#retrying(async () => {
      const resources = [{ resourceType: topicResource, resourceName: topic, configs }]
      const answer = await this.#askController('incrementalAlterConfigs', { resources })
      for (const row of answer.responses) {
        throwIfError(row.errorCode, `topic ${row.resourceName}`, row.errorMessage ?? undefined)
      }
    })
  }

  async listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | number,
  ): Promise<TopicPartitionMap<Offset>> {
    this.#assertOpen()
    const times = new TopicPartitionMap<number>()
    const time = at === 'earliest' ? earliest : at === 'latest' ? latest : at
    for (const { topic, partition } of partitions) times.set(topic, partition, time)
    const found = new TopicPartitionMap<Offset>()
    const options = { isolation: 'read_uncommitted', timeoutMs: requestTimeoutMs } as const
    for (const [{ topic, partition }, offset] of await listOffsets(this.#cluster, times, options)) {
      if (offset !== undefined) found.set(topic, partition, offset)
    }
    return found
  }

  async deleteRecords(before: TopicPartitionMap<Offset>): Promise<void> {
    this.#assertOpen()
    await deleteRecords(this.#cluster, before, requestTimeoutMs)
  }

  async listGroups(): ReturnType<Admin['listGroups']> {
    await this.#retrying(() => this.#cluster.refresh())
    const groups = await Promise.all(
      [...this.#cluster.brokers()].map(async (nodeId) => {
        const connection = await this.#cluster.to(nodeId)
        const answer = await this.#ask(connection, 'listGroups', {})
        throwIfError(answer.errorCode, `broker ${nodeId}`)
        return answer.groups
      }),
    )
    return groups.flat().map(({ groupId, protocolType, groupState: state }) => ({ groupId, protocolType, state }))
  }

  describeGroups(groupIds: readonly string[]): Promise<readonly GroupDescription[]> {
    return Promise.all(
      groupIds.map((groupId) =>
        this.#withCoordinator(groupId, async (connection) => {
          const answer = await this.#ask(connection, 'describeGroups', { groups: [groupId] })
          const group = answer.groups[0]
          if (group === undefined) throw kafkaError('GROUP_ID_NOT_FOUND', `group ${groupId}`)
          throwIfError(group.errorCode, `group ${groupId}`, group.errorMessage ?? undefined)
          return describeGroup(group)
        }),
      ),
    )
  }

  groupOffsets(groupId: string): Promise<TopicPartitionMap<OffsetAndMetadata>> {
    return this.#withCoordinator(groupId, (connection) =>
      fetchOffsets(connection, this.#cluster, groupId, null, requestTimeoutMs),
    )
  }

  alterGroupOffsets(groupId: string, offsets: TopicPartitionMap<OffsetAndMetadata>): Promise<void> {
    const outsider = { groupId, generation: -1, memberId: '', groupInstanceId: null }
    return this.#withCoordinator(groupId, (connection) =>
      commitOffsets(connection, this.#cluster, outsider, offsets, requestTimeoutMs),
    )
  }

  async deleteGroups(groupIds: readonly string[]): Promise<void> {
    await Promise.all(
      groupIds.map((groupId) =>
        this.#withCoordinator(groupId, async (connection) => {
          const answer = await this.#ask(connection, 'deleteGroups', { groupsNames: [groupId] })
          for (const row of answer.results) throwIfError(row.errorCode, `group ${row.groupId}`)
        }),
      ),
    )
  }

  async describeCluster(): ReturnType<Admin['describeCluster']> {
    const answer = await this.#askAny('metadata', { topics: [], allowAutoTopicCreation: false })
    const brokers = answer.brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port }))
    return { clusterId: answer.clusterId ?? '', controller: answer.controllerId, brokers }
  }

  async close(): Promise<void> {
    this.#closed = true
  }

  async #withCoordinator<T>(groupId: string, request: (connection: Connection) => Promise<T>): Promise<T> {
    this.#assertOpen()
    const coordinator = new Coordinator(this.#cluster, groupId)
    try {
      return await coordinator.retrying(requestTimeoutMs, request)
    } finally {
      await coordinator.close()
    }
  }

  #askAny<A extends ApiName>(api: A, request: Partially<RequestOf<A>>): Promise<ResponseOf<A>> {
    return this.#retrying(async () => this.#ask(await this.#cluster.any(), api, request))
  }

  async #askController<A extends ApiName>(api: A, request: Partially<RequestOf<A>>): Promise<ResponseOf<A>> {
    return this.#ask(await this.#cluster.controller(), api, request)
  }

  #ask<A extends ApiName>(connection: Connection, api: A, request: Partially<RequestOf<A>>): Promise<ResponseOf<A>> {
    return connection.send(api, fill(api, 'request', request), { timeoutMs: requestTimeoutMs + 1_000 })
  }

  #retrying<T>(attempt: () => Promise<T>): Promise<T> {
    this.#assertOpen()
    const { clock, random } = this.#cluster.ports
    const refresh = () => this.#cluster.refresh()
    return retrying({ clock, random, timeoutMs: requestTimeoutMs, refresh }, attempt)
  }

  #assertOpen(): void {
    if (this.#closed) throw new MillraceError('CLOSED', 'the admin is closed')
  }
}

function describeGroup(group: ResponseOf<'describeGroups'>['groups'][number]): GroupDescription {
  return {
    groupId: group.groupId,
    state: group.groupState,
    protocolType: group.protocolType,
    protocol: group.protocolData,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      partitions: group.protocolType === 'consumer' ? partitionsOf(member.memberAssignment) : [],
    })),
  }
}

/** Members of a foreign kind may put what they like there. */
function partitionsOf(assignment: Parameters<typeof decodeAssignment>[0]): readonly TopicPartition[] {
  try {
    return decodeAssignment(assignment).partitions
  } catch (error) {
    if (codeOf(error) === 'CORRUPT_MESSAGE') return []
    throw error
  }
}

function sourceOf(wire: number): ConfigEntry['source'] {
  if (wire === dynamicTopicConfig) return 'topic'
  return wire === defaultConfig ? 'default' : 'broker'
}
