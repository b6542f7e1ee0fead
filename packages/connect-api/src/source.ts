import type { Buffer } from 'node:buffer'
import type { ByteWritable } from '@millrace/kernel'
import type { RawConfig } from './config-schema.ts'
import type { ConnectRecord } from './connect-record.ts'
import type { Converter } from './converter.ts'
import type { TaskContext } from './task-context.ts'

/**
 * A part of the source that is read in order by one task: a file, a table. JSON, small, its property order is part
 * of its name.
 */
export type SourcePartition = RawConfig

/** How far a source partition has been read: JSON, the source's own. */
export type SourceOffset = RawConfig

/** A topic opened for appending. */
export interface SourceTopic {
  readonly topic: string
  readonly partitions: number
}

/** Input that cannot become a record: a malformed line, a value outside its type. */
export interface BadInput {
  /** Where it would have gone. */
  readonly topic: string
  /** Where it stands: `airports.csv:17`. */
  readonly place: string
  readonly error: Error
  /** The input as it stood, for the dead-letter topic. */
  readonly raw: Uint8Array | string | null
}

/**
 * Where a source task puts what it reads. Records are acknowledged in the background; positions are stored only
 * after every record
 * appended before them has been, so after a crash the source goes on at a stored position and repeats a little,
 * but loses nothing.
 */
export interface SourceWriter {
  /** Finds the topic; waits for it to come up. */
  open(topic: string): Promise<SourceTopic>
  /**
   * Adds one record, serialised in place into the open batch: no object per record. Synchronous; look at `full`
   * between records
   * (or between runs of a few hundred) and await `drained()`. Bypasses the configured converters: the bytes are
   * the record's.
   * `partition` -1: by key. `timestampMs` must not be negative.
   *
   * @throws BAD_RECORD from a serde, MESSAGE_TOO_LARGE; nothing is added then. Give it to `reject`.
   */
  append<K, V>(
    to: SourceTopic,
    partition: number,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: Buffer | null,
  ): void
  /**
   * Adds one record through the configured converters, waiting while the buffer is full. What a converter refuses
   * is dealt with as `errors.tolerance` says.
   */
  send(record: ConnectRecord): Promise<void>
  readonly full: boolean
  drained(): Promise<void>
  /**
   * Everything appended so far of `partition` lies before `offset`. Cheap; the last call before a commit counts. Under
   * exactly-once a poll must have told the positions of all it appended before it resolves.
   */
  position(partition: SourcePartition, offset: SourceOffset): void
  /**
   * Counts and, where configured, dead-letters bad input. @throws the error when `errors.tolerance` is none: let
   * it fail the task.
   */
  reject(bad: BadInput): void
}

/**
 * `more`: poll again at once. `idle`: nothing now, poll again after a pause. `end`: everything is read, and
 * nothing more will come.
 */
export type PollResult = 'more' | 'idle' | 'end'

/** One running task of a source. */
export interface SourceTask {
  /**
   * Reads a bounded amount (some hundred milliseconds of work) into `out`. Never called again before it has resolved.
   *
   * @throws SYSTEM_UNAVAILABLE: the same poll is tried again after a growing pause; under exactly-once, behind records
   *   whose position was not told, the task begins anew from what was committed. Anything else fails the task.
   */
  poll(out: SourceWriter): Promise<PollResult>
  /** Called once positions up to the last stored ones are durable: the place to acknowledge upstream. */
  committed?(): Promise<void>
  stop?(): Promise<void>
}

export interface SourceContext<C> extends TaskContext<C> {
  /** The stored position of a source partition; undefined on the first run. */
  storedOffset(partition: SourcePartition): SourceOffset | undefined
  readonly keyConverter: Converter
  readonly valueConverter: Converter
}
