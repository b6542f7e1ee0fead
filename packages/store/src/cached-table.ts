import type { Buffer } from 'node:buffer'
import { CellCache, CellMap, type TypedStoreOptions } from './cell-cache.ts'
import { tableLayout } from './key-layout.ts'
import { type KeyText, keyBytes, keyText } from './key-text.ts'
import type { StoreMetrics } from './store-metrics.ts'
import type { Cell, TableStore } from './table-store.ts'

/**
 * A table behind a write-back cache. What is not flushed stays in the cache: the store is never ahead of its
 * changelog.
 */
export function tableStore<V>(options: TypedStoreOptions<V>): TableStore<V> {
  return new CachedTable(options)
}

class CachedTable<V> implements TableStore<V> {
  readonly name: string
  readonly #cache: CellCache<V>
  readonly #home: CellMap<V>

  constructor(options: TypedStoreOptions<V>) {
    this.name = options.name
    this.#cache = new CellCache(options, tableLayout())
    this.#home = new CellMap(0, options.bytes.approximateCount() === 0)
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

  get(key: KeyText): Cell<V> | undefined {
    return this.#cache.get(this.#home, key)
  }

  put(key: KeyText, value: V, timestampMs: number): void {
    this.#cache.write(this.#home, key, value, timestampMs)
  }

  delete(key: KeyText, timestampMs: number): void {
    this.#cache.write(this.#home, key, null, timestampMs)
  }

  range(from: KeyText | undefined, to: KeyText | undefined): IterableIterator<readonly [KeyText, Cell<V>]> {
    const low = from === undefined ? undefined : keyBytes(from)
    const high = to === undefined ? undefined : keyBytes(to)
    return this.#cache.entries(this.#home, low, high, from, to)
  }

  flushCache(): void {
    this.#cache.flush()
  }

  shrink(bytesMax: number): void {
    this.#cache.evict(this.#home, bytesMax)
    this.#cache.evict(this.#home, bytesMax) // those that had their second chance
  }

  restore(changelogKey: Buffer, value: Buffer | null, timestampMs: number): void {
    this.#cache.restore(this.#home, keyText(changelogKey), value, timestampMs)
  }
}
