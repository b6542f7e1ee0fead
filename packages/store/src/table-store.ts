import type { Buffer } from 'node:buffer'
import type { KeyText } from './key-text.ts'
import type { StoreMetrics } from './store-metrics.ts'

/** A value with the timestamp it was written at. The object belongs to the store; fields are read at once. */
export interface Cell<V> {
  readonly value: V
  readonly timestampMs: number
}

/**
 * Called once for each entry changed since the last flush, with its latest value, in the order the entries first became
 * dirty. `null`: deleted. `old` is the value before the first change since the last flush (null: none); it is read
 * from the engine only
 * where the store was told to `sendOld`. Must not write the same store; when it throws, that change and those behind
 * it stay dirty.
 */
export type ChangeListener<V> = (
  key: KeyText,
  windowStartMs: number,
  value: V | null,
  old: V | null,
  timestampMs: number,
) => void

/**
 * Takes the changelog record of one entry. `keyBytes` is in Kafka's layout (a window's: key ‖ start int64 ‖ sequence
 * int32);
 * `value` is the raw value, null for a tombstone. Both are borrowed.
 */
export type ChangelogWriter = (keyBytes: Buffer, value: Buffer | null, timestampMs: number) => void

/** What every typed store shares: a write-back cache over a `ByteStore`, its changelog behind it. */
export interface TypedStore {
  readonly name: string
  /**
   * Bytes the cache holds, about. The task compares their sum with its share of the cache and commits early past it.
   */
  readonly cacheBytes: number
  readonly dirtyCount: number
  readonly metrics: Readonly<StoreMetrics>
  /**
   * Hands every changed entry to the listener and the changelog, and to the engine's pending writes. Clean entries
   * stay cached.
   */
  flushCache(): void
  /** Evicts clean entries down to `bytesMax`. */
  shrink(bytesMax: number): void
  /** Restores one changelog record into the engine, past cache, listener and changelog. */
  restore(keyBytes: Buffer, value: Buffer | null, timestampMs: number): void
}

/** Latest value by key, with its timestamp: every table of the DSL. */
export interface TableStore<V> extends TypedStore {
  get(key: KeyText): Cell<V> | undefined
  put(key: KeyText, value: V, timestampMs: number): void
  delete(key: KeyText, timestampMs: number): void
  /** `from <= key < to` in byte order, cache included. */
  range(from: KeyText | undefined, to: KeyText | undefined): IterableIterator<readonly [KeyText, Cell<V>]>
}

/** Latest value by window and key. `expire` drops the windows that lie `retentionMs` or more behind stream time. */
export interface WindowStore<V> extends TypedStore {
  get(key: KeyText, windowStartMs: number): Cell<V> | undefined
  put(key: KeyText, windowStartMs: number, value: V, timestampMs: number): void
  delete(key: KeyText, windowStartMs: number, timestampMs: number): void
  /** Windows of one key with `fromMs <= start < toMs`, ascending. */
  fetch(key: KeyText, fromMs: number, toMs: number): IterableIterator<readonly [number, Cell<V>]>
  /** Every window and key with `fromMs <= start < toMs`, by start, then key. */
  fetchAll(fromMs: number, toMs: number): IterableIterator<readonly [number, KeyText, Cell<V>]>
  /**
   * Drops every window with `start + retentionMs <= streamTimeMs`, on stream time alone, so that a replay of old data
   * keeps its state. Each
   * of their entries gets a tombstone in the changelog. Changes not flushed yet are flushed first, when any window
   * goes. How many
   * entries went. Cheap where nothing has expired.
   */
  expire(streamTimeMs: number): number
}
