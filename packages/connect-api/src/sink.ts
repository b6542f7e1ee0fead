import type { Offset, TopicPartition } from '@millrace/kernel'
import type { ConnectSchema } from '@millrace/schema'
import type { ConnectRecord } from './connect-record.ts'
import type { TaskContext } from './task-context.ts'

/** A partition given to a sink task. */
export interface AssignedPartition extends TopicPartition {
  /** Another one once the topic has been deleted and made again: positions kept of the old one mean nothing then. */
  readonly topicId: string
}

/** How far a partition is written. */
export interface SinkPosition extends AssignedPartition {
  /** Of the next record to write. */
  readonly offset: Offset
}

/**
 * Records for a sink, as columns: entry `i` of each array belongs to record `i`. Within a topic partition they are
 * in offset order.
 * Valid for as long as it is referenced: a sink may write one batch while it is given the next.
 */
export interface SinkBatch {
  readonly size: number
  /** Decoded by the key converter; null without a key. */
  readonly keys: readonly unknown[]
  /** Decoded by the value converter; null is a tombstone. */
  readonly values: readonly unknown[]
  /** Milliseconds since 1970. */
  readonly timestamps: ArrayLike<number>
  readonly offsets: ArrayLike<number>
  /** Where each partition that the batch touches goes on behind it, records included that were passed over. */
  readonly ends: readonly SinkPosition[]
  /** Where record `i` came from. */
  placeOf(i: number): TopicPartition
  keySchemaOf(i: number): ConnectSchema | null
  valueSchemaOf(i: number): ConnectSchema | null
  /** The object form of one record, headers included. Allocates. */
  record(i: number): ConnectRecord
}

/** One running task of a sink. Its positions are committed only after `put` and then `flush` have resolved. */
export interface SinkTask {
  /**
   * Partitions given to this task. Under exactly-once it returns where its own system says that each goes on: of
   * partitions that it says nothing of, the group's position counts.
   */
  open?(partitions: readonly AssignedPartition[]): Promise<readonly SinkPosition[]> | Promise<void>
  /**
   * Takes a batch. May keep it back until `flush`; must bound what it keeps.
   *
   * @throws SYSTEM_UNAVAILABLE: the same batch is given again after a growing pause, as often as it takes; a part
   * of it may then be
   *   written twice. Anything else fails the task.
   */
  put(batch: SinkBatch): Promise<void>
  /** Makes everything put so far durable in the system. */
  flush?(): Promise<void>
  /** Partitions taken away, after a flush where there was time for one. */
  close?(partitions: readonly TopicPartition[]): Promise<void>
  stop?(): Promise<void>
}

export interface SinkContext<C> extends TaskContext<C> {
  /**
   * One record of a batch that the system cannot hold: counted, and dead-lettered where configured. `error` should
   * name column and value;
   * the record's place is added.
   *
   * @throws the error when `errors.tolerance` is none: let it fail the task.
   */
  reject(batch: SinkBatch, i: number, error: Error): void
}
