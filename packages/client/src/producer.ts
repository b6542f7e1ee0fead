import type { ByteWritable, Offset } from '@millrace/kernel'
import type { CodecName } from '@millrace/record/internal'
import type { EncodedHeaders, ProducerRecord, RecordMetadata } from './records.ts'

export interface ProducerOptions {
  /** `all`: survives a power cut. 1: survives the process. 0: nothing is promised or answered. @default 'all' */
  readonly acks?: 0 | 1 | 'all' | undefined
  /** The broker drops what a retry sends twice. Needs acks all. @default true with acks all */
  readonly idempotent?: boolean | undefined
  /** A batch waits so long for company when nothing is in flight to its partition. @default 0 */
  readonly lingerMs?: number | undefined
  /** A batch is sent when it has grown to this. @default 65536 */
  readonly batchBytes?: number | undefined
  /** Bytes unsent or unacknowledged, over all partitions. Full: `send` waits, `full` is true. @default 32 MiB */
  readonly bufferBytesMax?: number | undefined
  /** @default 'none' */
  readonly compression?: CodecName | undefined
  /** Where records without a partition go. @default sticky without a key, murmur2 with one, as Java's producer */
  readonly partitioner?: Partitioner | undefined
  /** Requests in flight per connection. At most 5 when idempotent. @default 5 */
  readonly maxInFlight?: number | undefined
  /** One request's answer. @default 30000 */
  readonly requestTimeoutMs?: number | undefined
  /** From append to acknowledgement, retries included; then the record fails. @default 120000 */
  readonly deliveryTimeoutMs?: number | undefined
}

/** Chooses a partition. `key` is the serialised key, borrowed. Must answer in [0, partitions). */
export type Partitioner = (topic: string, key: Uint8Array | null, partitions: number) => number

/** A topic opened for appending: its partition count is known. */
export interface TopicHandle {
  readonly topic: string
  readonly partitions: number
}

/**
 * Writes records. `send` for people; `open` + `append` for hot paths: serialised in place into the open batch, no
 * object per record.
 * Every record appended is acknowledged in order per partition, or `flush` rejects.
 */
export interface Producer {
  /** Waits while the buffer is full, then resolves when the record is acknowledged as `acks` says. */
  send(record: ProducerRecord): Promise<RecordMetadata>
  /** Finds the topic. @throws UNKNOWN_TOPIC_OR_PARTITION when it does not come up within the request timeout. */
  open(topic: string): Promise<TopicHandle>
  /**
   * Adds one record. Synchronous; the caller looks at `full` between records and awaits `drained()`.
   * `partition` -1: by the partitioner. `timestampMs` must not be negative.
   *
   * @throws MESSAGE_TOO_LARGE for a record above `batchBytes` and the topic's limit, BAD_RECORD from a serde (nothing
   * is added then),
   *   STATE after a fatal error or `close`.
   */
  append<K, V>(
    to: TopicHandle,
    partition: number,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: EncodedHeaders | null,
  ): void
  readonly full: boolean
  /** Resolves when `full` is false again, or rejects with the fatal error. */
  drained(): Promise<void>
  /**
   * Sends everything now and resolves when it is acknowledged. Rejects with the first error since the last flush;
   * what failed is not retried again.
   */
  flush(): Promise<void>
  /** The offset of the last record acknowledged in a partition by this producer; undefined before the first. */
  acknowledged(topic: string, partition: number): Offset | undefined
  /** Flushes, then closes. */
  close(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
