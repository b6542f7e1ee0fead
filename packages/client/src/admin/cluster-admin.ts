import { type Offset, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type {
  Acl,
  AclFilter,
  ActiveProducer,
  Admin,
  ClusterDescription,
  ConfigEntry,
  ConfigResource,
  GroupDescription,
  HangingTransaction,
  ListedGroup,
  ListedTransaction,
  LogDirectoryDescription,
  NewTopic,
  ScramCredential,
  ScramMechanism,
  ScramUser,
  TopicDescription,
  TransactionDescription,
  TransactionFilter,
} from '../admin.ts'
import { type Cluster, throwIfError } from '../cluster/cluster.ts'
import { earliest, latest, listOffsets, maxTimestamp } from '../cluster/list-offsets.ts'
import { commitOffsets, fetchOffsets } from '../consumer/group-offsets.ts'
import type { CallOptions } from '../consumer.ts'
import { oneOf } from '../options.ts'
import type { OffsetAndMetadata } from '../records.ts'
import { createAcls, deleteAcls, describeAcls } from './acls.ts'
import { AdminLink, adminTimeoutMs } from './admin-link.ts'
import { alterConfigs, describeConfigs } from './configs.ts'
import { deleteRecords } from './delete-records.ts'
import { deleteGroup, deleteGroupOffsets, describeGroup, listGroups } from './groups.ts'
import { describeLogDirs } from './log-dirs.ts'
import { deleteScramUser, describeScramUsers, setScramUser } from './scram-users.ts'
import { createPartitions, createTopics, deleteTopics, describeTopics } from './topics.ts'
import { abortTransaction, describeProducers, describeTransaction, listTransactions } from './transactions.ts'

/** The admin calls over one cluster. Holds nothing of its own but the ways to coordinators while it asks. */
export class ClusterAdmin implements Admin {
  readonly #link: AdminLink

  constructor(cluster: Cluster) {
    this.#link = new AdminLink(cluster)
  }

  createTopics(
    topics: readonly NewTopic[],
    options: CallOptions & { readonly validateOnly?: boolean | undefined } = {},
  ): Promise<readonly string[]> {
    return createTopics(this.#link, topics, options.validateOnly ?? false, options)
  }

  deleteTopics(names: readonly string[], options: CallOptions = {}): Promise<void> {
    return deleteTopics(this.#link, names, options)
  }

  createPartitions(topic: string, total: number, options: CallOptions = {}): Promise<void> {
    return createPartitions(this.#link, topic, total, options)
  }

  async listTopics(options: CallOptions = {}): Promise<readonly string[]> {
    const topics = await this.#link.retrying(options, () => this.#link.cluster.listTopics())
    return topics.map(({ name }) => name).sort()
  }

  describeTopics(names: readonly string[], options: CallOptions = {}): Promise<readonly TopicDescription[]> {
    return describeTopics(this.#link, names, options)
  }

  topicConfigs(topic: string, options: CallOptions = {}): Promise<ReadonlyMap<string, ConfigEntry>> {
    return describeConfigs(this.#link, { type: 'topic', name: topic }, options)
  }

  alterTopicConfigs(
    topic: string,
    changes: Readonly<Record<string, string | null>>,
    options: CallOptions = {},
  ): Promise<void> {
    return alterConfigs(this.#link, { type: 'topic', name: topic }, changes, options)
  }

  describeConfigs(resource: ConfigResource, options: CallOptions = {}): Promise<ReadonlyMap<string, ConfigEntry>> {
    return describeConfigs(this.#link, resource, options)
  }

  alterConfigs(
    resource: ConfigResource,
    changes: Readonly<Record<string, string | null>>,
    options: CallOptions = {},
  ): Promise<void> {
    return alterConfigs(this.#link, resource, changes, options)
  }

  async listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | 'max-timestamp' | number,
    options: CallOptions & { readonly isolation?: 'read_uncommitted' | 'read_committed' | undefined } = {},
  ): Promise<TopicPartitionMap<Offset>> {
    this.#link.assertOpen()
    const levels = ['read_uncommitted', 'read_committed'] as const
    const isolation = oneOf('listOffsets.isolation', options.isolation, 'read_uncommitted', levels)
    const ends = { earliest, latest, 'max-timestamp': maxTimestamp }
    const times = new TopicPartitionMap<number>()
    const time = typeof at === 'number' ? at : ends[at]
    for (const { topic, partition } of partitions) times.set(topic, partition, time)
    const found = new TopicPartitionMap<Offset>()
    const asked = { isolation, timeoutMs: adminTimeoutMs, signal: options.signal }
    for (const [{ topic, partition }, offset] of await listOffsets(this.#link.cluster, times, asked)) {
      if (offset !== undefined) found.set(topic, partition, offset)
    }
    return found
  }

  async deleteRecords(before: TopicPartitionMap<Offset>, options: CallOptions = {}): Promise<void> {
    this.#link.assertOpen()
    await deleteRecords(this.#link.cluster, before, adminTimeoutMs, options.signal)
  }

  listGroups(options: CallOptions = {}): Promise<readonly ListedGroup[]> {
    return listGroups(this.#link, options)
  }

  describeGroups(groupIds: readonly string[], options: CallOptions = {}): Promise<readonly GroupDescription[]> {
    return Promise.all(groupIds.map((groupId) => describeGroup(this.#link, groupId, options)))
  }

  groupOffsets(groupId: string, options: CallOptions = {}): Promise<TopicPartitionMap<OffsetAndMetadata>> {
    return this.#link.withCoordinator('group', groupId, options, (connection) =>
      fetchOffsets(connection, this.#link.cluster, groupId, null, adminTimeoutMs),
    )
  }

  alterGroupOffsets(
    groupId: string,
    offsets: TopicPartitionMap<OffsetAndMetadata>,
    options: CallOptions = {},
  ): Promise<void> {
    const outsider = { groupId, generation: -1, memberId: '', groupInstanceId: null }
    return this.#link.withCoordinator('group', groupId, options, (connection) =>
      commitOffsets(connection, this.#link.cluster, outsider, offsets, adminTimeoutMs),
    )
  }

  deleteGroupOffsets(groupId: string, partitions: readonly TopicPartition[], options: CallOptions = {}): Promise<void> {
    return deleteGroupOffsets(this.#link, groupId, partitions, options)
  }

  async deleteGroups(groupIds: readonly string[], options: CallOptions = {}): Promise<void> {
    await Promise.all(groupIds.map((groupId) => deleteGroup(this.#link, groupId, options)))
  }

  /** By DescribeCluster, or by Metadata where the broker is older. */
  async describeCluster(options: CallOptions = {}): Promise<ClusterDescription> {
    const link = this.#link
    if (await link.offers('describeCluster', options)) {
      const answer = await link.askAny('describeCluster', {}, options)
      throwIfError(answer.errorCode, 'cluster', answer.errorMessage ?? undefined)
      const brokers = answer.brokers.map(({ brokerId: nodeId, host, port, rack }) => ({ nodeId, host, port, rack }))
      return { clusterId: answer.clusterId, controller: answer.controllerId, brokers }
    }
    const answer = await link.askAny('metadata', { topics: [], allowAutoTopicCreation: false }, options)
    const brokers = answer.brokers.map(({ nodeId, host, port, rack }) => ({ nodeId, host, port, rack }))
    return { clusterId: answer.clusterId ?? '', controller: answer.controllerId, brokers }
  }

  describeLogDirs(brokers?: readonly number[], options: CallOptions = {}): Promise<readonly LogDirectoryDescription[]> {
    return describeLogDirs(this.#link, brokers, options)
  }

  describeProducers(
    partitions: readonly TopicPartition[],
    options: CallOptions = {},
  ): Promise<TopicPartitionMap<readonly ActiveProducer[]>> {
    return describeProducers(this.#link, partitions, options)
  }

  listTransactions(filter: TransactionFilter = {}, options: CallOptions = {}): Promise<readonly ListedTransaction[]> {
    return listTransactions(this.#link, filter, options)
  }

  describeTransactions(
    transactionalIds: readonly string[],
    options: CallOptions = {},
  ): Promise<readonly TransactionDescription[]> {
    return Promise.all(transactionalIds.map((id) => describeTransaction(this.#link, id, options)))
  }

  abortTransaction(transaction: HangingTransaction, options: CallOptions = {}): Promise<void> {
    return abortTransaction(this.#link, transaction, options)
  }

  describeAcls(filter: AclFilter = {}, options: CallOptions = {}): Promise<readonly Acl[]> {
    return describeAcls(this.#link, filter, options)
  }

  createAcls(acls: readonly Acl[], options: CallOptions = {}): Promise<void> {
    return createAcls(this.#link, acls, options)
  }

  deleteAcls(filters: readonly AclFilter[], options: CallOptions = {}): Promise<readonly Acl[]> {
    return deleteAcls(this.#link, filters, options)
  }

  describeScramUsers(names?: readonly string[], options: CallOptions = {}): Promise<readonly ScramUser[]> {
    return describeScramUsers(this.#link, names, options)
  }

  setScramUser(name: string, credential: ScramCredential, options: CallOptions = {}): Promise<void> {
    return setScramUser(this.#link, name, credential, options)
  }

  deleteScramUser(name: string, mechanism: ScramMechanism, options: CallOptions = {}): Promise<void> {
    return deleteScramUser(this.#link, name, mechanism, options)
  }

  async close(): Promise<void> {
    this.#link.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
