import type { ByteWritable, Offset, TopicPartitionMap } from '@millrace/kernel'
import type { CodecName } from '@millrace/record/internal'
import type { CallOptions, GroupMetadata } from './consumer.ts'
import type { ProducerInterceptor } from './interceptors.ts'
import type { EncodedHeaders, OffsetAndMetadata, ProducerRecord, RecordMetadata } from './records.ts'

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
  /**
   * Writes in transactions, under this name: of all producers with it only the one that called `initTransactions` last
   * may write. Stable over restarts, different for each writer that runs at the same time. Needs acks all.
   */
  readonly transactionalId?: string | undefined
  /** A transaction that is open for longer is aborted by its coordinator. @default 60000 */
  readonly transactionTimeoutMs?: number | undefined
  /**
   * Longest wait for the coordinator in one call of `initTransactions`, `sendOffsets`, `commitTransaction` and
   * `abortTransaction`. @default 60000, as Kafka's max.block.ms
   */
  readonly maxBlockMs?: number | undefined
  /** Shown each record of `send` and what came of it, in this order. None cost nothing. */
  readonly interceptors?: readonly ProducerInterceptor[] | undefined
}

/** How a call that waits for the coordinator may be cut short. */
export interface TransactionWait {
  /** The call rejects with ABORTED when it fires. What was asked may have been done all the same. */
  readonly signal?: AbortSignal | undefined
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
  /**
   * Waits while the buffer is full, then resolves when the record is acknowledged as `acks` says.
   *
   * A signal that fires while the topic is looked for or the buffer is full takes the record back: it is not written, and a transaction
   * that it was sent in can only be aborted. Later it ends the wait for the acknowledgement alone: the record may still be written, and
   * belongs to its transaction. The error says which.
   *
   * @throws ABORTED as soon as the signal fires; what `open` and `append` throw; why the record could not be delivered.
   */
  send(record: ProducerRecord, options?: CallOptions): Promise<RecordMetadata>
  /** Finds the topic. @throws UNKNOWN_TOPIC_OR_PARTITION if it does not come up within the request timeout; ABORTED */
  open(topic: string, options?: CallOptions): Promise<TopicHandle>
  /**
   * Adds one record. Synchronous; the caller looks at `full` between records and awaits `drained()`.
   * `partition` -1: by the partitioner. `timestampMs` must not be negative.
   *
   * @throws MESSAGE_TOO_LARGE for a record above `batchBytes` and the topic's limit, BAD_RECORD from a serde (nothing
   * is added then),
   *   STATE after a fatal error or `close`, and with `transactionalId` outside a transaction, TRANSACTION_ABORTABLE in
   *   one that can only be aborted.
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
  /** Resolves when `full` is false again. @throws the fatal error; ABORTED */
  drained(options?: CallOptions): Promise<void>
  /**
   * Sends everything now and resolves when it is acknowledged. Rejects with the first error since the last flush;
   * what failed is not retried again.
   *
   * @throws ABORTED when the signal fires: what was appended is sent all the same, and another flush waits for it.
   */
  flush(options?: CallOptions): Promise<void>
  /** The offset of the last record acknowledged in a partition by this producer; undefined before the first. */
  acknowledged(topic: string, partition: number): Offset | undefined
  /**
   * Takes over the transactional id: older producers of it are fenced, what they left open is aborted. Once, before all
   * else.
   *
   * @throws REQUEST_TIMED_OUT, ABORTED, TRANSACTIONAL_ID_AUTHORIZATION_FAILED (it may be called again),
   *   INVALID_TRANSACTION_TIMEOUT, STATE without `transactionalId`.
   */
  initTransactions(options?: TransactionWait): Promise<void>
  /** What is appended from now on is one transaction. @throws STATE; the fatal error */
  beginTransaction(): void
  /**
   * Commits positions of a group together with the transaction: the offsets of the next records to read. Give what
   * the consumer's `groupMetadata()` says, so that a member that has lost its partitions is refused (KIP-447).
   *
   * @throws ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID: others read these partitions by now. After any
   *   error the transaction can only be aborted.
   */
  sendOffsets(
    offsets: TopicPartitionMap<OffsetAndMetadata>,
    group: GroupMetadata,
    options?: TransactionWait,
  ): Promise<void>
  /**
   * Flushes, then commits: readers of committed records see all of it or nothing.
   *
   * @throws TRANSACTION_ABORTABLE with its cause when a record or an offset could not be written: abort, and do it again;
   *   PRODUCER_FENCED and other fatal errors: only `close` is left; REQUEST_TIMED_OUT, ABORTED: not known whether it
   *   was committed, call it again to go on.
   */
  commitTransaction(options?: TransactionWait): Promise<void>
  /**
   * Drops what has not been sent, waits for what has, then aborts. Sends that were not acknowledged reject with ABORTED.
   *
   * @throws fatal errors; REQUEST_TIMED_OUT, ABORTED: call it again to go on.
   */
  abortTransaction(options?: TransactionWait): Promise<void>
  /**
   * Flushes, then closes. A transaction that is open is aborted instead. A signal that fires ends the wait for either: what is not
   * acknowledged fails, though it may have been written, and a transaction is left to its timeout. The producer is closed in any case.
   *
   * @throws what `flush` throws.
   */
  close(options?: CallOptions): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}
