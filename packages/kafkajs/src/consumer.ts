import type { Buffer } from 'node:buffer'
import type { PartitionAssigner } from './consumer/assigner.ts'
import type {
  ConnectEvent,
  DisconnectEvent,
  InstrumentationEvent,
  NetworkEventMap,
  RemoveInstrumentationEventListener,
  RequestEvent,
  RequestQueueSizeEvent,
  RequestTimeoutEvent,
  ValueOf,
} from './events.ts'
import type { Logger } from './logger.ts'
import type {
  KafkaMessage,
  Offsets,
  OffsetsByTopicPartition,
  TopicOffsets,
  TopicPartitionOffset,
  TopicPartitionOffsetAndMetadata,
  TopicPartitions,
} from './message.ts'
import type { RetryOptions } from './retry.ts'

export interface ConsumerConfig {
  groupId: string
  /** In order of preference. @default cooperative-sticky, then PartitionAssigners.roundRobin */
  partitionAssigners?: PartitionAssigner[]
  /** Milliseconds. @default 300000 */
  metadataMaxAge?: number
  /** Milliseconds without a heartbeat after which the group goes on without this member. @default 30000 */
  sessionTimeout?: number
  /** Milliseconds that members have to join a round of the group. @default 60000 */
  rebalanceTimeout?: number
  /** Milliseconds. @default 3000 */
  heartbeatInterval?: number
  /** @default 1048576 */
  maxBytesPerPartition?: number
  /** @default 1 */
  minBytes?: number
  /** @default 10485760 */
  maxBytes?: number
  /** Milliseconds that the broker may wait for `minBytes`. @default 5000 */
  maxWaitTimeInMs?: number
  retry?: RetryOptions & { restartOnFailure?: (error: Error) => Promise<boolean> }
  /** @default true */
  allowAutoTopicCreation?: boolean
  maxInFlightRequests?: number
  /** Also records of transactions that are open or were aborted. @default false */
  readUncommitted?: boolean
  rackId?: string
}

export interface ConsumerEvents extends NetworkEventMap<'consumer'> {
  HEARTBEAT: 'consumer.heartbeat'
  COMMIT_OFFSETS: 'consumer.commit_offsets'
  GROUP_JOIN: 'consumer.group_join'
  FETCH_START: 'consumer.fetch_start'
  FETCH: 'consumer.fetch'
  START_BATCH_PROCESS: 'consumer.start_batch_process'
  END_BATCH_PROCESS: 'consumer.end_batch_process'
  STOP: 'consumer.stop'
  CRASH: 'consumer.crash'
  REBALANCING: 'consumer.rebalancing'
  RECEIVED_UNSUBSCRIBED_TOPICS: 'consumer.received_unsubscribed_topics'
}

export interface IMemberAssignment {
  [topic: string]: number[]
}

interface MemberPayload {
  groupId: string
  memberId: string
  groupGenerationId: number
}

export interface BatchPayload {
  topic: string
  partition: number
  highWatermark: string
  offsetLag: string
  offsetLagLow: string
  batchSize: number
  firstOffset: string
  lastOffset: string
}

export type ConsumerHeartbeatEvent = InstrumentationEvent<MemberPayload>
export type ConsumerCommitOffsetsEvent = InstrumentationEvent<MemberPayload & { topics: TopicOffsets[] }>
export type ConsumerGroupJoinEvent = InstrumentationEvent<{
  duration: number
  groupId: string
  isLeader: boolean
  leaderId: string
  groupProtocol: string
  memberId: string
  memberAssignment: IMemberAssignment
}>
export type ConsumerFetchStartEvent = InstrumentationEvent<{ nodeId: number }>
export type ConsumerFetchEvent = InstrumentationEvent<{ numberOfBatches: number; duration: number; nodeId: number }>
export type ConsumerStartBatchProcessEvent = InstrumentationEvent<BatchPayload>
export type ConsumerEndBatchProcessEvent = InstrumentationEvent<BatchPayload & { duration: number }>
export type ConsumerCrashEvent = InstrumentationEvent<{ error: Error; groupId: string; restart: boolean }>
export type ConsumerRebalancingEvent = InstrumentationEvent<{ groupId: string; memberId: string }>
export type ConsumerReceivedUnsubcribedTopicsEvent = InstrumentationEvent<{
  groupId: string
  generationId: number
  memberId: string
  assignedTopics: string[]
  topicsSubscribed: string[]
  topicsNotSubscribed: string[]
}>

/** Records of one partition that are handed over together. */
export interface Batch {
  topic: string
  partition: number
  highWatermark: string
  messages: KafkaMessage[]
  isEmpty(): boolean
  firstOffset(): string | null
  lastOffset(): string
  /** Records behind the last of the batch. */
  offsetLag(): string
  /** Records behind the first of the batch. */
  offsetLagLow(): string
}

export interface EachMessagePayload {
  topic: string
  partition: number
  message: KafkaMessage
  /** @throws KafkaJSProtocolError REBALANCE_IN_PROGRESS when the partition is to be given up */
  heartbeat(): Promise<void>
  /** Pauses the partition; what it returns resumes it. */
  pause(): () => void
}

export interface EachBatchPayload {
  batch: Batch
  /** The message at the offset is done: the next one is where the group goes on. */
  resolveOffset(offset: string): void
  heartbeat(): Promise<void>
  pause(): () => void
  commitOffsetsIfNecessary(offsets?: Offsets): Promise<void>
  uncommittedOffsets(): OffsetsByTopicPartition
  isRunning(): boolean
  /** Somebody has sought elsewhere in the partition, or it was given up: the rest of the batch is not wanted. */
  isStale(): boolean
}

export type ConsumerEachMessagePayload = EachMessagePayload
export type ConsumerEachBatchPayload = EachBatchPayload
export type EachBatchHandler = (payload: EachBatchPayload) => Promise<void>
export type EachMessageHandler = (payload: EachMessagePayload) => Promise<void>

export interface ConsumerRunConfig {
  /** @default true: after each batch, and as the two below say */
  autoCommit?: boolean
  /** Milliseconds. */
  autoCommitInterval?: number | null
  /** Messages. */
  autoCommitThreshold?: number | null
  /** The whole batch is done when `eachBatch` returns. @default true */
  eachBatchAutoResolve?: boolean
  /** @default 1 */
  partitionsConsumedConcurrently?: number
  eachBatch?: EachBatchHandler
  eachMessage?: EachMessageHandler
}

/** @deprecated Give `topics`. */
export interface ConsumerSubscribeTopic {
  topic: string | RegExp
  fromBeginning?: boolean
}

export interface ConsumerSubscribeTopics {
  topics: (string | RegExp)[]
  fromBeginning?: boolean
}

export interface MemberDescription {
  clientHost: string
  clientId: string
  memberId: string
  memberAssignment: Buffer
  memberMetadata: Buffer
}

export type ConsumerGroupState = 'Unknown' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead' | 'Empty'

export interface GroupDescription {
  groupId: string
  members: MemberDescription[]
  protocol: string
  protocolType: string
  state: ConsumerGroupState
}

type Listen<K extends keyof ConsumerEvents, E> = (
  eventName: ConsumerEvents[K],
  listener: (event: E) => void,
) => RemoveInstrumentationEventListener<ConsumerEvents[K]>

type Listeners = Listen<'HEARTBEAT', ConsumerHeartbeatEvent> &
  Listen<'COMMIT_OFFSETS', ConsumerCommitOffsetsEvent> &
  Listen<'GROUP_JOIN', ConsumerGroupJoinEvent> &
  Listen<'FETCH_START', ConsumerFetchStartEvent> &
  Listen<'FETCH', ConsumerFetchEvent> &
  Listen<'START_BATCH_PROCESS', ConsumerStartBatchProcessEvent> &
  Listen<'END_BATCH_PROCESS', ConsumerEndBatchProcessEvent> &
  Listen<'CONNECT', ConnectEvent> &
  Listen<'DISCONNECT', DisconnectEvent> &
  Listen<'STOP', InstrumentationEvent<null>> &
  Listen<'CRASH', ConsumerCrashEvent> &
  Listen<'REBALANCING', ConsumerRebalancingEvent> &
  Listen<'RECEIVED_UNSUBSCRIBED_TOPICS', ConsumerReceivedUnsubcribedTopicsEvent> &
  Listen<'REQUEST', RequestEvent> &
  Listen<'REQUEST_TIMEOUT', RequestTimeoutEvent> &
  Listen<'REQUEST_QUEUE_SIZE', RequestQueueSizeEvent> &
  ((
    eventName: ValueOf<ConsumerEvents>,
    listener: (event: InstrumentationEvent<never>) => void,
  ) => RemoveInstrumentationEventListener<string>)

export interface Consumer {
  connect(): Promise<void>
  disconnect(): Promise<void>
  /** Before `run`. A RegExp stands for the topics that match it now. */
  subscribe(subscription: ConsumerSubscribeTopics | ConsumerSubscribeTopic): Promise<void>
  stop(): Promise<void>
  /** Resolves when the group has given this member its partitions, or has refused it (see CRASH). */
  run(config?: ConsumerRunConfig): Promise<void>
  commitOffsets(topicPartitions: Array<TopicPartitionOffsetAndMetadata>): Promise<void>
  /** '-2' is the beginning of the partition, '-1' its end. */
  seek(topicPartitionOffset: TopicPartitionOffset): void
  describeGroup(): Promise<GroupDescription>
  pause(topics: Array<{ topic: string; partitions?: number[] }>): void
  paused(): TopicPartitions[]
  resume(topics: Array<{ topic: string; partitions?: number[] }>): void
  readonly on: Listeners
  logger(): Logger
  readonly events: ConsumerEvents
}
