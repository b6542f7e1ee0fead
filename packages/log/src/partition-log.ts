import type { Buffer } from 'node:buffer'
import type { Offset, TopicPartition } from '@millrace/kernel'
import type { ValidBatch } from '@millrace/record/internal'

/** What the writer of a batch says about it. */
export interface AppendOptions {
  /**
   * Of a transactional batch: the coordinator has been asked and knows the transaction, under this version of the
   * protocol (KIP-890: 2). Without it the batch is taken only into a transaction that is open on this partition.
   */
  readonly transactionVersion?: 1 | 2 | undefined
  /** `coordinator`: offsets of a group in a producer's name, which carry no sequence. @default 'client' */
  readonly origin?: 'client' | 'coordinator' | undefined
}

/** How a transaction ends on a partition (WriteTxnMarkers). */
export interface EndTransaction {
  readonly producerId: number
  /** Under version 2 one more than the epoch the data was written with. */
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly commit: boolean
  readonly transactionVersion: 1 | 2
}

/** A producer that the log remembers (DescribeProducers). */
export interface ActiveProducer {
  readonly producerId: number
  readonly producerEpoch: number
  /** -1: nothing was written in this epoch, or without a sequence. */
  readonly lastSequence: number
  /** Of its last data batch; -1 for none in this epoch. */
  readonly lastOffset: number
  readonly lastTimestampMs: number
  /** -1: no transaction of it has ended yet. */
  readonly coordinatorEpoch: number
  /** Where its open transaction begins; undefined for none. */
  readonly transactionFirst: Offset | undefined
}

/** What an append answers with, at once. */
export interface Appended {
  readonly baseOffset: Offset
  readonly lastOffset: Offset
  /** Milliseconds when the log stamped the batch (LogAppendTime); -1 for CreateTime. */
  readonly appendTimeMs: number
  readonly logStart: Offset
  /** The producer had sent it before: nothing was written, the offsets are the original ones. */
  readonly duplicate: boolean
}

/** Where what is read goes: a buffer of `bytes`, whatever it holds. */
export type ReadMemory = (bytes: number) => Buffer

/** Whole batches, zero-copy where the engine can. */
export interface LogRead {
  /**
   * Valid for as long as it is referenced, or as the memory that was passed is lent. The first batch may begin below the
   * asked offset. Empty at the end.
   */
  readonly bytes: Buffer
  /** Behind the last batch; the asked offset where there is none. */
  readonly next: Offset
  readonly highWatermark: Offset
  readonly lastStable: Offset
  readonly logStart: Offset
  /** Of aborted transactions that touch what was read; only for read_committed. */
  readonly aborted: readonly AbortedRange[]
}

/** Batches of this producer from `firstOffset` up to its abort marker were taken back. */
export interface AbortedRange {
  readonly producerId: number
  readonly firstOffset: Offset
}

/**
 * One partition on disk, in Kafka's layout. Appends are made by one owner, synchronously; readers are many.
 *
 * After a crash the log is a prefix of what was appended (law 6).
 */
export interface PartitionLog {
  readonly at: TopicPartition
  readonly topicId: string
  readonly leaderEpoch: number
  readonly logStart: Offset
  /** What readers may see: moves when the write has returned. */
  readonly highWatermark: Offset
  /** Below it every transaction is decided: where a read_committed reader stops. Moves with the marker's write. */
  readonly lastStable: Offset
  /** First offset that is not known to survive a power cut. */
  readonly syncedTo: Offset
  readonly sizeBytes: number
  /** Set once the disk has failed: appends are refused with it, reads go on. */
  readonly failure: Error | undefined
  /**
   * Validates as Kafka's LogValidator does for one client batch, stamps base offset and leader epoch, writes.
   *
   * @throws CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP, MESSAGE_TOO_LARGE, OUT_OF_ORDER_SEQUENCE_NUMBER,
   * INVALID_PRODUCER_EPOCH, INVALID_TXN_STATE (a batch outside of the producer's open transaction, or a transactional
   * one that nobody has verified),
   *   KAFKA_STORAGE_ERROR (disk full, read-only, failed: the message says which). Nothing became visible then.
   */
  append(batch: ValidBatch, options?: AppendOptions): Appended
  /**
   * Writes the control batch that ends a transaction. One that is written again, after an answer was lost, is taken
   * once more, as in Kafka: it ends nothing.
   *
   * @throws INVALID_PRODUCER_EPOCH (below the producer's; under version 2 not above it while a transaction is open),
   * TRANSACTION_COORDINATOR_FENCED, KAFKA_STORAGE_ERROR
   */
  appendMarker(marker: EndTransaction): Appended
  /** Producers the log remembers, in no order. */
  producers(): readonly ActiveProducer[]
  openTransaction(producerId: number): { readonly firstOffset: Offset; readonly producerEpoch: number } | undefined
  /** Aborted transactions that touch [from, to): what `read` lists, for a reader that reads the files itself. */
  abortedBetween(from: Offset, to: Offset): readonly AbortedRange[]
  /** Whether `synced(upTo)` has something to wait for: false where acks=all does not wait for the disk. */
  awaitsSync(upTo: Offset): boolean
  /** Resolves when everything below `upTo` survives a power cut: group commit, one fdatasync at a time per file. */
  synced(upTo: Offset): Promise<void>
  /**
   * At most `bytesMax`, one batch at least.
   *
   * @param memory for the bytes, which are then valid for as long as it says. @default memory of their own
   * @throws OFFSET_OUT_OF_RANGE outside [logStart, highWatermark].
   */
  read(from: Offset, bytesMax: number, isolation: 'read_uncommitted' | 'read_committed', memory?: ReadMemory): LogRead
  /** First offset with a timestamp at or after `timestampMs`; undefined where there is none. */
  offsetForTimestamp(
    timestampMs: number,
  ): { readonly offset: Offset; readonly timestampMs: number; readonly leaderEpoch: number } | undefined
  /** The record with the largest timestamp (ListOffsets -3). */
  maxTimestamp(): { readonly offset: Offset; readonly timestampMs: number; readonly leaderEpoch: number } | undefined
  /** The leader epoch in which `at` was, or would be, written. */
  epochAt(at: Offset): number
  /** Where an epoch ends (OffsetForLeaderEpoch). */
  endOffsetForEpoch(epoch: number): { readonly epoch: number; readonly endOffset: Offset }
  /** Calls back once when the high watermark passes `offset` (a long poll), or never after `cancel`. */
  whenPast(offset: Offset, callback: () => void): { cancel(): void }
  /** The same for the last stable offset: the long poll of a read_committed reader. */
  whenStablePast(offset: Offset, callback: () => void): { cancel(): void }
  /**
   * Where the segment holding the watermark begins, and its byte position there: what a reader in another thread
   * needs.
   */
  readonly tail: LogTail
  /**
   * Called after each append, roll or move of the log start with the new tail; with undefined when the log is deleted,
   * closed, or opened anew after its disk had failed. One listener.
   */
  onTail(listener: (tail: LogTail | undefined) => void): void
  /**
   * Moves the log start up to `before`: what lies below is not read any more, and segments wholly below it are
   * deleted. Durable when it resolves; at or below the log start it changes nothing. Returns the log start.
   *
   * @throws OFFSET_OUT_OF_RANGE past the high watermark; POLICY_VIOLATION unless `cleanup.policy` has `delete`;
   * KAFKA_STORAGE_ERROR.
   */
  deleteRecords(before: Offset): Promise<Offset>
}

export interface LogTail {
  readonly logStart: Offset
  readonly highWatermark: Offset
  readonly lastStable: Offset
  /** Behind the last marker of an aborted transaction, 0 for none: who reads from here on needs no `abortedBetween`. */
  readonly abortedEnd: Offset
  readonly activeBase: Offset
  /** Bytes of the active segment below the high watermark. */
  readonly activeBytes: number
  /** Odd while files change their names, two more after it: whoever has some open opens them anew. */
  readonly swaps: number
  /** Path of the partition's directory. */
  readonly directory: string
}

/** A topic's identity and overrides as kept in the data directory. */
export interface TopicRecord {
  readonly name: string
  readonly topicId: string
  readonly partitions: number
  readonly configs: ReadonlyMap<string, string>
}

/** A data directory: every topic in it, locked by this process. */
export interface LogDirectory {
  readonly path: string
  readonly clusterId: string
  /** Defaults of all topics as the directory was opened with, by the names of topic configs. */
  readonly topicDefaults: ReadonlyMap<string, string>
  topics(): readonly TopicRecord[]
  topic(name: string): TopicRecord | undefined
  partition(topic: string, partition: number): PartitionLog | undefined
  /** Why a partition could not be opened (KAFKA_STORAGE_ERROR with what is damaged); `partition` has none then. */
  offline(topic: string, partition: number): Error | undefined
  /**
   * Durable when it resolves. @throws TOPIC_ALREADY_EXISTS, INVALID_TOPIC_EXCEPTION, INVALID_CONFIG,
   * INVALID_PARTITIONS.
   */
  createTopic(topic: {
    readonly name: string
    readonly partitions: number
    readonly configs: ReadonlyMap<string, string>
    readonly topicId?: string
  }): Promise<TopicRecord>
  deleteTopic(name: string): Promise<void>
  addPartitions(name: string, total: number): Promise<void>
  alterConfigs(name: string, configs: ReadonlyMap<string, string>): Promise<void>
  /** Syncs all, writes checkpoints and the clean-shutdown mark, releases the lock. */
  close(): Promise<void>
}
