import type { Buffer } from 'node:buffer'
import type { CompressionTypes } from './resource-types.ts'

/** Header names to values; several of one name as an array. */
export interface IHeaders {
  [key: string]: Buffer | string | (Buffer | string)[] | undefined
}

/** A record to send. */
export interface Message {
  key?: Buffer | string | null
  value: Buffer | string | null
  /** Given: exactly there. Left out: the partitioner decides. */
  partition?: number
  headers?: IHeaders
  /** Milliseconds since 1970, as text. @default now */
  timestamp?: string
}

/** A record as it was consumed. Bytes are windows on what was fetched: copy what is kept for long. */
export interface RecordBatchEntry {
  key: Buffer | null
  value: Buffer | null
  timestamp: string
  attributes: number
  offset: string
  headers: IHeaders
  size?: never
}

/** From before Kafka 0.11. Not read any more: here for programs that name the type. */
export interface MessageSetEntry {
  key: Buffer | null
  value: Buffer | null
  timestamp: string
  attributes: number
  offset: string
  size: number
  headers?: never
}

export type KafkaMessage = MessageSetEntry | RecordBatchEntry

export interface TopicMessages {
  topic: string
  messages: Message[]
}

interface SendOptions {
  /** -1: all replicas in sync, 1: the leader, 0: nobody answers. @default -1 */
  acks?: number
  /** How long the broker may wait for replicas, in milliseconds. */
  timeout?: number
  /** @default CompressionTypes.None */
  compression?: CompressionTypes
}

export interface ProducerRecord extends SendOptions {
  topic: string
  messages: Message[]
}

export interface ProducerBatch extends SendOptions {
  topicMessages?: TopicMessages[]
}

/** What became of the messages of one call in one partition. Offsets and times are decimal text. */
export interface RecordMetadata {
  topicName: string
  partition: number
  errorCode: number
  offset?: string
  timestamp?: string
  baseOffset?: string
  logAppendTime?: string
  logStartOffset?: string
}

export interface TopicPartition {
  topic: string
  partition: number
}

export interface TopicPartitions {
  topic: string
  partitions: number[]
}

export interface PartitionOffset {
  partition: number
  offset: string
}

export interface TopicOffsets {
  topic: string
  partitions: PartitionOffset[]
}

export interface Offsets {
  topics: TopicOffsets[]
}

export type OffsetsByTopicPartition = Offsets

export interface TopicPartitionOffset extends TopicPartition {
  offset: string
}

export interface TopicPartitionOffsetAndMetadata extends TopicPartitionOffset {
  metadata?: string | null
}

export interface PartitionMetadata {
  partitionErrorCode: number
  partitionId: number
  leader: number
  replicas: number[]
  isr: number[]
  offlineReplicas?: number[]
}
