import type { Buffer } from 'node:buffer'

/** A changelog position per store, kept in the same atomic write as the data it stands for. */
export type FlushedOffsets = Readonly<Record<string, number>>

/**
 * An ordered map of bytes to bytes, synchronous: what an engine gives and every wrapper keeps. Order is by unsigned
 * bytes. Keys
 * may be empty and longer than the engine's own limit. Bytes given are copied before the call returns; bytes got are
 * the
 * caller's until the next call on the same store.
 */
export interface ByteStore {
  readonly name: string
  get(key: Buffer): Buffer | undefined
  put(key: Buffer, value: Buffer): void
  delete(key: Buffer): void
  /**
   * Entries with `from <= key < to`, in order (`reverse`: from the end); an undefined bound is open. Sees what was
   * put before
   * the call; the store may be written while it is open, whether it then sees that is not promised. Key and value are
   * valid until `next()`. Does not outlive a flush. @throws STATE when continued after one.
   */
  range(from: Buffer | undefined, to: Buffer | undefined, order?: 'reverse'): IterableIterator<StoreEntry>
  /** Deletes `from <= key < to`. Costs nothing per entry until the flush. */
  deleteRange(from: Buffer | undefined, to: Buffer | undefined): void
  /** About how many entries. Zero only where there are none. */
  approximateCount(): number
}

export interface StoreEntry {
  readonly key: Buffer
  readonly value: Buffer
}

/**
 * All stores of one task: one environment, one transaction. `flush` makes everything written since the last one and
 * `offsets`
 * visible to a later open, or nothing of it, however the process dies (SIGKILL included). A power cut may lose or
 * tear it:
 * `openedUnclean` then says so.
 */
export interface StoreEnvironment {
  /** @throws CONFIG when a name is used twice. */
  open(name: string): ByteStore
  /**
   * One atomic write: the pending writes of every store, and the changelog offsets they stand for, merged over those
   * before.
   */
  flush(offsets: FlushedOffsets): void
  /** Of the last flush that is whole. Empty for a new environment. */
  readonly offsets: FlushedOffsets
  /**
   * True when the machine was restarted since the last flush without a clean close: the contents may not be trusted.
   */
  readonly openedUnclean: boolean
  /** Bytes that are written and not yet flushed. */
  readonly pendingBytes: number
  /**
   * Closes after a last `flush` by the caller, syncs, then marks the environment clean. Pending writes are dropped.
   * Twice is once.
   */
  close(): Promise<void>
  /** Closes and deletes everything. */
  destroy(): Promise<void>
}

/** Makes environments: `lmdbEngine`, `memoryEngine`. */
export interface StoreEngine {
  readonly name: string
  /** @throws DIRECTORY_IN_USE, DISK_FULL, DISK_READ_ONLY, CORRUPT_FILE naming the directory. */
  open(directory: string): StoreEnvironment
}
