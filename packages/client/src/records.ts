import type { Buffer } from 'node:buffer'
import type { Offset, TopicPartition } from '@millrace/kernel'
import type { ValidBatch } from '@millrace/record/internal'

/** A header as users write it. */
export interface RecordHeader {
  readonly key: string
  readonly value: Uint8Array | string | null
}

/** A record to send. Text is written as UTF-8. */
export interface ProducerRecord {
  readonly topic: string
  /** Given: exactly there. Left out: the partitioner decides. */
  readonly partition?: number | undefined
  readonly key?: Uint8Array | string | null | undefined
  readonly value: Uint8Array | string | null
  /** Milliseconds since 1970. @default now */
  readonly timestampMs?: number | undefined
  readonly headers?: readonly RecordHeader[] | undefined
}

/** Where an acknowledged record lies. `offset` is -1 with acks 0. */
export interface RecordMetadata extends TopicPartition {
  readonly offset: Offset
  readonly timestampMs: number
}

/**
 * One batch as it was fetched: its own bytes, checked. Records below `from` belong to an earlier position: skip them.
 */
export interface PolledBatch extends TopicPartition {
  readonly batch: ValidBatch
  readonly from: Offset
  /** The offset after the batch, gaps included: the position once it is done. */
  readonly next: Offset
  readonly leaderEpoch: number
}

/** Turns bytes into a value: a serde, or a function of the bytes alone. */
export type ValueDecoder<T> = { read(bytes: Buffer, from: number, to: number): T } | ((bytes: Buffer) => T)

/** How keys and values are decoded; left out: as bytes. */
export interface RecordDecoders<K, V> {
  readonly key?: ValueDecoder<K> | undefined
  readonly value?: ValueDecoder<V> | undefined
}

/** One record of a polled batch. `key`, `value` and `headers` are decoded when they are first looked at. */
export interface ConsumedRecord<K = Buffer, V = Buffer> extends TopicPartition {
  readonly offset: Offset
  /** Milliseconds since 1970: of the record, or of its append where the topic says so. */
  readonly timestampMs: number
  /** Of the batch; -1 unknown. */
  readonly leaderEpoch: number
  readonly key: K | null
  /** null: a tombstone. */
  readonly value: V | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
}

/** A position to commit. */
export interface OffsetAndMetadata {
  readonly offset: Offset
  /** Of the last record processed; -1 unknown. */
  readonly leaderEpoch: number
  /** At most 4,096 bytes. */
  readonly metadata: string
}

/** The bytes of a record's headers as they stand in a batch: a count varint, then the headers. */
export type EncodedHeaders = Buffer
