import type { Instrumented, NetworkEventMap } from './events.ts'
import type { Logger } from './logger.ts'
import type { Offsets, ProducerBatch, ProducerRecord, RecordMetadata } from './message.ts'
import type { ICustomPartitioner } from './producer/partitioners.ts'
import type { RetryOptions } from './retry.ts'

export interface ProducerConfig {
  /** @default Partitioners.DefaultPartitioner */
  createPartitioner?: ICustomPartitioner
  retry?: RetryOptions
  /** Milliseconds. @default 300000 */
  metadataMaxAge?: number
  /** @default true */
  allowAutoTopicCreation?: boolean
  /**
   * The broker drops what a retry sends twice. Kept also where it is not asked for, with acks -1: false switches it off.
   */
  idempotent?: boolean
  transactionalId?: string
  /** Milliseconds after which the broker aborts a transaction. @default 60000 */
  transactionTimeout?: number
  /** Requests in flight to one broker. @default 5 */
  maxInFlightRequests?: number
}

export type ProducerEvents = NetworkEventMap<'producer'>

export interface Sender {
  /** Resolves when every message is acknowledged as `acks` says: a row for each partition. */
  send(record: ProducerRecord): Promise<RecordMetadata[]>
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>
}

export interface Transaction extends Sender {
  /** Positions of a consumer group, committed with the transaction or not at all. */
  sendOffsets(offsets: Offsets & { consumerGroupId: string }): Promise<void>
  commit(): Promise<void>
  abort(): Promise<void>
  isActive(): boolean
}

export interface Producer extends Sender, Instrumented<ProducerEvents> {
  connect(): Promise<void>
  disconnect(): Promise<void>
  isIdempotent(): boolean
  /** Begins a transaction: only what is sent through what it returns is part of it. */
  transaction(): Promise<Transaction>
  logger(): Logger
}
