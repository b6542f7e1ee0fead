import type { Offset, TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { CallOptions } from './consumer.ts'
import type { OffsetAndMetadata } from './records.ts'

export interface NewTopic {
  readonly name: string
  /** @default the broker's num.partitions */
  readonly partitions?: number | undefined
  /** @default the broker's; 1 on Millrace's own engine */
  readonly replicationFactor?: number | undefined
  /** Instead of both: the brokers of each partition, the preferred leader first. */
  readonly replicas?: readonly (readonly number[])[] | undefined
  /** Kafka's topic configs: `{ 'cleanup.policy': 'compact' }`. */
  readonly configs?: Readonly<Record<string, string>> | undefined
}

export interface PartitionDescription {
  readonly partition: number
  /** -1: none at the moment. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSync: readonly number[]
  readonly offline: readonly number[]
}

export interface TopicDescription {
  readonly name: string
  readonly topicId: string
  readonly internal: boolean
  readonly partitions: readonly PartitionDescription[]
}

export interface ConfigEntry {
  readonly value: string | null
  readonly source: 'topic' | 'broker' | 'default' | 'group' | 'client-metrics'
  readonly readOnly: boolean
  readonly sensitive: boolean
}

export interface GroupDescription {
  readonly groupId: string
  readonly state: string
  readonly protocolType: string
  readonly protocol: string
  readonly members: readonly {
    readonly memberId: string
    /** Of a static member. */
    readonly groupInstanceId: string | null
    readonly clientId: string
    readonly clientHost: string
    readonly partitions: readonly TopicPartition[]
  }[]
}

/** What has configs. Brokers go by their id, as text; the empty name is the default of all brokers. */
export interface ConfigResource {
  readonly type: 'topic' | 'broker' | 'broker-logger' | 'client-metrics' | 'group'
  readonly name: string
}

export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  readonly state: string
}

export interface LogDirectoryDescription {
  readonly broker: number
  readonly path: string
  /** Of the volume; undefined where the broker does not say. */
  readonly totalBytes: number | undefined
  readonly usableBytes: number | undefined
  readonly partitions: readonly (TopicPartition & {
    readonly bytes: number
    /** Behind the leader's end. */
    readonly offsetLag: number
    /** Being moved into this directory. */
    readonly future: boolean
  })[]
}

/** A producer that a partition's leader remembers. */
export interface ActiveProducer {
  readonly producerId: number
  readonly producerEpoch: number
  /** -1: none yet. */
  readonly lastSequence: number
  readonly lastTimestampMs: number
  /** Of the last marker; -1 without one. */
  readonly coordinatorEpoch: number
  /** First offset of its open transaction. */
  readonly openSince: Offset | undefined
}

export interface TransactionFilter {
  /** `Ongoing`, `PrepareCommit`, `CompleteAbort`, …: Kafka's names. @default any */
  readonly states?: readonly string[] | undefined
  readonly producerIds?: readonly number[] | undefined
  /** Open for longer than this. */
  readonly longerThanMs?: number | undefined
  /** A regular expression of Java that the whole id matches. Kafka 4.1 and later. */
  readonly pattern?: string | undefined
}

export interface ListedTransaction {
  readonly transactionalId: string
  readonly producerId: number
  readonly state: string
  readonly coordinator: number
}

export interface TransactionDescription {
  readonly transactionalId: string
  readonly state: string
  readonly producerId: number
  readonly producerEpoch: number
  readonly timeoutMs: number
  /** Milliseconds since 1970; undefined when none is open. */
  readonly startedMs: number | undefined
  readonly partitions: readonly TopicPartition[]
}

/** A transaction that its coordinator has forgotten while a partition still waits for its end. */
export interface HangingTransaction extends TopicPartition {
  readonly producerId: number
  readonly producerEpoch: number
  /** Of `describeProducers`. */
  readonly coordinatorEpoch: number
}

export type AclResource = 'topic' | 'group' | 'cluster' | 'transactional-id' | 'delegation-token' | 'user'
export type AclOperation =
  | 'all'
  | 'read'
  | 'write'
  | 'create'
  | 'delete'
  | 'alter'
  | 'describe'
  | 'cluster-action'
  | 'describe-configs'
  | 'alter-configs'
  | 'idempotent-write'
  | 'create-tokens'
  | 'describe-tokens'
  | 'two-phase-commit'

/** Who may, or may not, do what. In answers a word may also be `unknown`: it is newer than this client. */
export interface Acl {
  readonly resource: AclResource | 'any' | 'unknown'
  /** `kafka-cluster` for the cluster, `*` for all. */
  readonly name: string
  /** @default literal */
  readonly pattern?: 'literal' | 'prefixed' | 'any' | 'match' | 'unknown' | undefined
  /** `User:alice`, `User:*`. */
  readonly principal: string
  /** An address. @default any, `*` */
  readonly host?: string | undefined
  readonly operation: AclOperation | 'any' | 'unknown'
  /** @default allow */
  readonly permission?: 'allow' | 'deny' | 'any' | 'unknown' | undefined
}

/** What is left out matches anything. The pattern `match` finds what applies to a name, prefixes and `*` included. */
export type AclFilter = { readonly [K in keyof Acl]?: Acl[K] | undefined }

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export interface ScramCredential {
  readonly password: string
  /** @default SCRAM-SHA-512 */
  readonly mechanism?: ScramMechanism | undefined
  /** From 4096 to 16384. @default 4096 */
  readonly iterations?: number | undefined
}

export interface ScramUser {
  readonly name: string
  readonly credentials: readonly { readonly mechanism: ScramMechanism; readonly iterations: number }[]
}

export interface ClusterDescription {
  readonly clusterId: string
  readonly controller: number
  readonly brokers: readonly {
    readonly nodeId: number
    readonly host: string
    readonly port: number
    readonly rack: string | null
  }[]
}

/**
 * Asks and changes the cluster. Each call retries what `remedyFor` says can be retried, for 30 s, and ends with ABORTED when its signal
 * fires.
 */
export interface Admin {
  /**
   * Returns the names made; one that exists already is left out, also where an attempt without an answer has made it.
   * `validateOnly`: nothing is made, everything is checked.
   *
   * @throws INVALID_TOPIC_EXCEPTION, INVALID_CONFIG, … naming the topic.
   */
  createTopics(
    topics: readonly NewTopic[],
    options?: CallOptions & { readonly validateOnly?: boolean | undefined },
  ): Promise<readonly string[]>
  /** @throws UNKNOWN_TOPIC_OR_PARTITION naming the topic, unless an attempt without an answer may have deleted it. */
  deleteTopics(names: readonly string[], options?: CallOptions): Promise<void>
  /** @param total how many there shall be: more than there are */
  createPartitions(topic: string, total: number, options?: CallOptions): Promise<void>
  listTopics(options?: CallOptions): Promise<readonly string[]>
  /** Topics that do not exist are left out. */
  describeTopics(names: readonly string[], options?: CallOptions): Promise<readonly TopicDescription[]>
  topicConfigs(topic: string, options?: CallOptions): Promise<ReadonlyMap<string, ConfigEntry>>
  /** IncrementalAlterConfigs; null deletes the override. */
  alterTopicConfigs(
    topic: string,
    changes: Readonly<Record<string, string | null>>,
    options?: CallOptions,
  ): Promise<void>
  describeConfigs(resource: ConfigResource, options?: CallOptions): Promise<ReadonlyMap<string, ConfigEntry>>
  /** IncrementalAlterConfigs; null deletes the override. */
  alterConfigs(
    resource: ConfigResource,
    changes: Readonly<Record<string, string | null>>,
    options?: CallOptions,
  ): Promise<void>
  /**
   * `earliest`, `latest` (for `read_committed` the last stable offset), `max-timestamp` (of the record with the highest; none in an
   * empty partition), or a time in ms: the first record at or after it. Partitions without an answer are left out.
   */
  listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | 'max-timestamp' | number,
    options?: CallOptions & { readonly isolation?: 'read_uncommitted' | 'read_committed' | undefined },
  ): Promise<TopicPartitionMap<Offset>>
  /** Everything below these offsets goes. */
  deleteRecords(before: TopicPartitionMap<Offset>, options?: CallOptions): Promise<void>
  listGroups(options?: CallOptions): Promise<readonly ListedGroup[]>
  describeGroups(groupIds: readonly string[], options?: CallOptions): Promise<readonly GroupDescription[]>
  groupOffsets(groupId: string, options?: CallOptions): Promise<TopicPartitionMap<OffsetAndMetadata>>
  /** @throws UNKNOWN_MEMBER_ID while the group has members. */
  alterGroupOffsets(
    groupId: string,
    offsets: TopicPartitionMap<OffsetAndMetadata>,
    options?: CallOptions,
  ): Promise<void>
  /** @throws GROUP_SUBSCRIBED_TO_TOPIC while members read the topic. */
  deleteGroupOffsets(groupId: string, partitions: readonly TopicPartition[], options?: CallOptions): Promise<void>
  /** @throws NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND */
  deleteGroups(groupIds: readonly string[], options?: CallOptions): Promise<void>
  describeCluster(options?: CallOptions): Promise<ClusterDescription>
  /** Of all brokers, or of those named. */
  describeLogDirs(brokers?: readonly number[], options?: CallOptions): Promise<readonly LogDirectoryDescription[]>
  describeProducers(
    partitions: readonly TopicPartition[],
    options?: CallOptions,
  ): Promise<TopicPartitionMap<readonly ActiveProducer[]>>
  listTransactions(filter?: TransactionFilter, options?: CallOptions): Promise<readonly ListedTransaction[]>
  /** @throws TRANSACTIONAL_ID_NOT_FOUND */
  describeTransactions(
    transactionalIds: readonly string[],
    options?: CallOptions,
  ): Promise<readonly TransactionDescription[]>
  /** Ends a hanging transaction in one partition, by an abort marker. For one that its coordinator does not know. */
  abortTransaction(transaction: HangingTransaction, options?: CallOptions): Promise<void>
  /** @throws SECURITY_DISABLED where the brokers have no authorizer. */
  describeAcls(filter?: AclFilter, options?: CallOptions): Promise<readonly Acl[]>
  createAcls(acls: readonly Acl[], options?: CallOptions): Promise<void>
  /** Returns what was deleted. */
  deleteAcls(filters: readonly AclFilter[], options?: CallOptions): Promise<readonly Acl[]>
  /** All, or those named. @throws RESOURCE_NOT_FOUND naming one that does not exist. */
  describeScramUsers(names?: readonly string[], options?: CallOptions): Promise<readonly ScramUser[]>
  /** Makes a user, or gives it another password. What is sent is salted and hashed here (RFC 5802). */
  setScramUser(name: string, credential: ScramCredential, options?: CallOptions): Promise<void>
  deleteScramUser(name: string, mechanism: ScramMechanism, options?: CallOptions): Promise<void>
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
