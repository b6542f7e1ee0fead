import type { Buffer } from 'node:buffer'
import { configError } from '@millrace/kernel'
import type { ByteStore } from './byte-store.ts'
import { CellCache, CellMap, type TypedStoreOptions } from './cell-cache.ts'
import { windowLayout, windowOfChangelogKey, windowPrefix, windowStartOf } from './key-layout.ts'
import type { KeyText } from './key-text.ts'
import type { StoreMetrics } from './store-metrics.ts'
import type { Cell, WindowStore } from './table-store.ts'

export interface WindowStoreOptions<V> extends TypedStoreOptions<V> {
  /** How far behind stream time a window's start may lie before `expire` drops it. At least window size + grace. */
  readonly retentionMs: number
}

/**
 * Windows behind a write-back cache: a map per window, then per key.
 *
 * @throws CONFIG when the retention is not a whole number from 0.
 */
export function windowStore<V>(options: WindowStoreOptions<V>): WindowStore<V> {
  const { retentionMs } = options
  if (!Number.isSafeInteger(retentionMs) || retentionMs < 0) {
    throw configError(`store ${options.name} retentionMs`, 'must be a whole number of milliseconds from 0', retentionMs)
  }
  return new CachedWindows(options)
}

class CachedWindows<V> implements WindowStore<V> {
  readonly name: string
  readonly #options: WindowStoreOptions<V>
  readonly #cache: CellCache<V>
  readonly #layout = windowLayout()
  /** Every window that has entries, cached or in the engine. */
  readonly #windows = new Map<number, CellMap<V>>()
  /** Sorted starts of `#windows`; undefined after one was added. */
  #starts: number[] | undefined
  #last: CellMap<V> | undefined

  constructor(options: WindowStoreOptions<V>) {
    this.name = options.name
    this.#options = options
    this.#cache = new CellCache(options, this.#layout)
    for (const start of storedWindows(options.bytes)) this.#windows.set(start, new CellMap(start, false))
  }

  get metrics(): StoreMetrics {
    return this.#cache.metrics
  }

  get cacheBytes(): number {
    return this.#cache.bytes
  }

  get dirtyCount(): number {
    return this.#cache.dirtyCount
  }

  get(key: KeyText, windowStartMs: number): Cell<V> | undefined {
    const window = this.#window(windowStartMs)
    return window === undefined ? undefined : this.#cache.get(window, key)
  }

  put(key: KeyText, windowStartMs: number, value: V, timestampMs: number): void {
    this.#cache.write(this.#window(windowStartMs) ?? this.#addWindow(windowStartMs), key, value, timestampMs)
  }

  delete(key: KeyText, windowStartMs: number, timestampMs: number): void {
    this.#cache.write(this.#window(windowStartMs) ?? this.#addWindow(windowStartMs), key, null, timestampMs)
  }

  *fetch(key: KeyText, fromMs: number, toMs: number): IterableIterator<readonly [number, Cell<V>]> {
    for (const start of this.#startsWithin(fromMs, toMs)) {
      const cell = this.get(key, start)
      if (cell !== undefined) yield [start, cell]
    }
  }

  *fetchAll(fromMs: number, toMs: number): IterableIterator<readonly [number, KeyText, Cell<V>]> {
    for (const start of this.#startsWithin(fromMs, toMs)) {
      const window = this.#window(start)
      if (window === undefined) continue
      const entries = this.#cache.entries(window, windowPrefix(start), windowPrefix(start + 1), undefined, undefined)
      for (const [key, cell] of entries) yield [start, key, cell]
    }
  }

  flushCache(): void {
    this.#cache.flush()
  }

  /** The oldest windows give up their entries first. */
  shrink(bytesMax: number): void {
    for (let pass = 0; pass < 2; pass++) {
      for (const start of this.#sortedStarts()) {
        if (this.#cache.bytes <= bytesMax) return
        this.#cache.evict(this.#windows.get(start)!, bytesMax)
      }
    }
  }

  restore(changelogKey: Buffer, value: Buffer | null, timestampMs: number): void {
    const [key, start] = windowOfChangelogKey(changelogKey, this.name)
    const window = this.#window(start) ?? (value === null ? undefined : this.#addWindow(start))
    if (window !== undefined) this.#cache.restore(window, key, value, timestampMs)
  }

  expire(streamTimeMs: number): number {
    const expiredBefore = streamTimeMs - this.#options.retentionMs + 1
    const starts = this.#sortedStarts()
    if (starts.length === 0 || starts[0]! >= expiredBefore) return 0
    this.#cache.flush() // a change that nobody has heard of yet is heard before its window goes
    let entries = 0
    let windows = 0
    for (; windows < starts.length && starts[windows]! < expiredBefore; windows++) {
      entries += this.#dropWindow(starts[windows]!, streamTimeMs)
    }
    this.#starts = starts.slice(windows)
    this.#last = undefined
    this.metrics.expired += entries
    return entries
  }

  #dropWindow(start: number, streamTimeMs: number): number {
    const { bytes, changelog } = this.#options
    const from = windowPrefix(start)
    const to = windowPrefix(start + 1)
    let entries = 0
    for (const { key } of bytes.range(from, to)) {
      entries++
      changelog?.(this.#layout.changelogKey(this.#layout.keyOf(key), start), null, streamTimeMs)
    }
    bytes.deleteRange(from, to)
    this.#cache.drop(this.#windows.get(start)!)
    this.#windows.delete(start)
    return entries
  }

  #window(start: number): CellMap<V> | undefined {
    if (this.#last !== undefined && this.#last.startMs === start) return this.#last
    const window = this.#windows.get(start)
    if (window !== undefined) this.#last = window
    return window
  }

  /** A window the engine knows nothing of: its cache is all there is. */
  #addWindow(start: number): CellMap<V> {
    const window = new CellMap<V>(start, true)
    this.#windows.set(start, window)
    this.#starts = undefined
    this.#last = window
    return window
  }

  #sortedStarts(): number[] {
    this.#starts ??= [...this.#windows.keys()].sort((a, b) => a - b)
    return this.#starts
  }

  #startsWithin(fromMs: number, toMs: number): number[] {
    return this.#sortedStarts().filter((start) => start >= fromMs && start < toMs)
  }
}

/** The windows an engine holds: one seek each. */
function storedWindows(bytes: ByteStore): number[] {
  const starts: number[] = []
  let from: Buffer | undefined
  for (;;) {
    const first = bytes.range(from, undefined).next()
    if (first.done === true) return starts
    const start = windowStartOf(first.value.key)
    starts.push(start)
    from = windowPrefix(start + 1)
  }
}
