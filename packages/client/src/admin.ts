import type { Offset, TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { OffsetAndMetadata } from './records.ts'

export interface NewTopic {
  readonly name: string
  /** @default the broker's num.partitions */
  readonly partitions?: number | undefined
  /** @default the broker's; 1 on Millrace's own engine */
  readonly replicationFactor?: number | undefined
  /** Kafka's topic configs: `{ 'cleanup.policy': 'compact' }`. */
  readonly configs?: Readonly<Record<string, string>> | undefined
}

export interface TopicDescription {
  readonly name: string
  readonly topicId: string
  readonly internal: boolean
  readonly partitions: readonly { readonly partition: number; readonly leader: number; readonly leaderEpoch: number }[]
}

export interface ConfigEntry {
  readonly value: string | null
  readonly source: 'topic' | 'broker' | 'default'
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
    readonly clientId: string
    readonly clientHost: string
    readonly partitions: readonly TopicPartition[]
  }[]
}

/** Asks and changes the cluster. Each call retries what `remedyFor` says can be retried, up to the request timeout. */
export interface Admin {
  /**
   * Returns the names made; one that exists already is left out. @throws INVALID_TOPIC_EXCEPTION, INVALID_CONFIG, …
   * naming the topic.
   */
  createTopics(topics: readonly NewTopic[]): Promise<readonly string[]>
  deleteTopics(names: readonly string[]): Promise<void>
  createPartitions(topic: string, total: number): Promise<void>
  listTopics(): Promise<readonly string[]>
  /** Topics that do not exist are left out. */
  describeTopics(names: readonly string[]): Promise<readonly TopicDescription[]>
  topicConfigs(topic: string): Promise<ReadonlyMap<string, ConfigEntry>>
  /** IncrementalAlterConfigs; null deletes the override. */
  alterTopicConfigs(topic: string, changes: Readonly<Record<string, string | null>>): Promise<void>
  /** `earliest`, `latest`, or a time in ms. */
  listOffsets(
    partitions: readonly TopicPartition[],
    at: 'earliest' | 'latest' | number,
  ): Promise<TopicPartitionMap<Offset>>
  deleteRecords(before: TopicPartitionMap<Offset>): Promise<void>
  listGroups(): Promise<readonly { readonly groupId: string; readonly protocolType: string; readonly state: string }[]>
  describeGroups(groupIds: readonly string[]): Promise<readonly GroupDescription[]>
  groupOffsets(groupId: string): Promise<TopicPartitionMap<OffsetAndMetadata>>
  alterGroupOffsets(groupId: string, offsets: TopicPartitionMap<OffsetAndMetadata>): Promise<void>
  deleteGroups(groupIds: readonly string[]): Promise<void>
  describeCluster(): Promise<{
    readonly clusterId: string
    readonly controller: number
    readonly brokers: readonly { readonly nodeId: number; readonly host: string; readonly port: number }[]
  }>
  close(): Promise<void>
}
