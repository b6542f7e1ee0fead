import type { Buffer } from 'node:buffer'
import { type ByteCodec, ByteWriter, MillraceError, readInt64, writeInt64 } from '@millrace/kernel'
import type { ByteStore } from './byte-store.ts'
import { KeyFilter } from './key-filter.ts'
import type { KeyLayout } from './key-layout.ts'
import type { KeyText } from './key-text.ts'
import { storeMetrics } from './store-metrics.ts'
import type { Cell, ChangeListener, ChangelogWriter } from './table-store.ts'

/** What the two typed stores are made of. */
export interface TypedStoreOptions<V> {
  readonly name: string
  readonly codec: ByteCodec<V>
  readonly bytes: ByteStore
  /** Undefined: nobody looks at changes. */
  readonly listener: ChangeListener<V> | undefined
  /** Undefined: the store is restored from somewhere else, or not at all. */
  readonly changelog: ChangelogWriter | undefined
  /**
   * Tells the listener the value before. Costs an engine read for each key that is written and not cached. Default
   * false.
   */
  readonly sendOld?: boolean | undefined
}

/**
 * The map entry, the cell, its text's header and the dirty list's slot, about, on 64-bit V8 with compressed pointers
 * off.
 */
const CELL_BYTES = 160
const VERSION = 1
const HEADER_BYTES = 9
const FILTER_BYTES_MAX = 16 * 1024 * 1024

/**
 * The cached part of one window, or of a whole table. What is not in `cells` is asked of the engine, unless that is
 * known to have nothing:
 * `whole` (everything the engine has is in `cells`) or a `filter` of every key the engine may have.
 */
export class CellMap<V> {
  readonly startMs: number
  readonly cells = new Map<KeyText, CachedCell<V>>()
  whole: boolean
  filter: KeyFilter | undefined

  constructor(startMs: number, whole: boolean) {
    this.startMs = startMs
    this.whole = whole
  }

  mayBeInEngine(key: KeyText): boolean {
    return !this.whole && (this.filter === undefined || this.filter.mayHave(key))
  }

  /** The engine is about to have keys that are not cached. */
  beginFilter(): void {
    if (!this.whole) return
    this.whole = false
    this.filter = new KeyFilter()
    for (const cell of this.cells.values()) if (cell.value !== null) this.filter.add(cell.key)
  }

  written(key: KeyText): void {
    if (this.filter === undefined) return
    this.filter.add(key)
    if (this.filter.bytes > FILTER_BYTES_MAX) this.filter = undefined
  }
}

export class CachedCell<V> {
  readonly key: KeyText
  readonly home: CellMap<V>
  /** null: deleted, or known to be absent. */
  value: V | null
  timestampMs: number
  /** Before the first change since the last flush. */
  old: V | null = null
  dirty = false
  /** Asked for again since it came in, or since the last visit of `evict`. */
  used = false
  readonly bytes: number

  constructor(key: KeyText, home: CellMap<V>, value: V | null, timestampMs: number, bytes: number) {
    this.key = key
    this.home = home
    this.value = value
    this.timestampMs = timestampMs
    this.bytes = bytes
  }
}

/** The write-back cache that tables and window stores share. */
export class CellCache<V> {
  readonly metrics = storeMetrics()
  readonly #options: TypedStoreOptions<V>
  readonly #layout: KeyLayout
  readonly #sendOld: boolean
  readonly #writer = new ByteWriter(1024)
  #dirty: CachedCell<V>[] = []
  #last: CachedCell<V> | undefined
  #bytes = 0
  /** Serialised size of a value, a moving mean; a value in the heap is counted as twice that. */
  #valueBytes = 32

  constructor(options: TypedStoreOptions<V>, layout: KeyLayout) {
    this.#options = options
    this.#layout = layout
    this.#sendOld = options.sendOld === true
  }

  get bytes(): number {
    return this.#bytes
  }

  get dirtyCount(): number {
    return this.#dirty.length
  }

  get(home: CellMap<V>, key: KeyText): Cell<V> | undefined {
    const cell = this.#find(home, key) ?? this.#load(home, key)
    return isPresent(cell) ? cell : undefined
  }

  /** `null` deletes. */
  write(home: CellMap<V>, key: KeyText, value: V | null, timestampMs: number): void {
    let cell = this.#find(home, key)
    if (cell === undefined) cell = this.#sendOld ? this.#load(home, key) : this.#add(home, key, null, timestampMs)
    if (!cell.dirty) {
      cell.dirty = true
      if (this.#sendOld) cell.old = cell.value
      home.written(key)
      this.#dirty.push(cell)
    }
    cell.value = value
    cell.timestampMs = timestampMs
  }

  /** First-dirty order. The change at which something threw, and those behind it, stay dirty. */
  flush(): void {
    const dirty = this.#dirty
    this.#dirty = []
    let done = 0
    try {
      for (; done < dirty.length; done++) {
        const cell = dirty[done]!
        cell.dirty = false
        this.#flushCell(cell)
        cell.old = null
      }
    } finally {
      if (done < dirty.length) {
        dirty[done]!.dirty = true
        this.#dirty = [...dirty.slice(done), ...this.#dirty]
      }
    }
  }

  /** Gives up clean cells of `home`, those not used since the last visit first, until the cache has `bytesMax`. */
  evict(home: CellMap<V>, bytesMax: number): void {
    if (this.#bytes <= bytesMax || home.cells.size === 0) return
    home.beginFilter()
    this.#last = undefined
    let left = home.cells.size
    for (const cell of home.cells.values()) {
      if (this.#bytes <= bytesMax || left-- === 0) return
      if (cell.dirty) continue
      home.cells.delete(cell.key)
      if (cell.used) {
        cell.used = false
        home.cells.set(cell.key, cell)
      } else {
        this.#bytes -= cell.bytes
        this.metrics.entries--
        this.metrics.evictions++
      }
    }
  }

  /** Forgets all of `home`. Only when nothing in it is dirty. */
  drop(home: CellMap<V>): void {
    this.#last = undefined
    for (const cell of home.cells.values()) this.#bytes -= cell.bytes
    this.metrics.entries -= home.cells.size
    home.cells.clear()
  }

  restore(home: CellMap<V>, key: KeyText, value: Buffer | null, timestampMs: number): void {
    home.beginFilter()
    const cell = home.cells.get(key)
    if (cell !== undefined) this.#forget(cell)
    const engineKey = this.#layout.engineKey(key, home.startMs)
    if (value === null) {
      this.#options.bytes.delete(engineKey)
      return
    }
    home.written(key)
    const writer = this.#writer.reset()
    writeHeader(writer, timestampMs)
    writer.raw(value)
    this.#options.bytes.put(engineKey, writer.view())
  }

  /** Cells of `home` and of the engine in key order; `low` and `high` bound the engine's keys. */
  *entries(
    home: CellMap<V>,
    low: Buffer | undefined,
    high: Buffer | undefined,
    from: KeyText | undefined,
    to: KeyText | undefined,
  ): IterableIterator<readonly [KeyText, Cell<V>]> {
    const dirty = this.#dirtyIn(home, from, to)
    let at = 0
    for (const { key: engineKey, value } of this.#options.bytes.range(low, high)) {
      const key = this.#layout.keyOf(engineKey)
      const read = this.#decode(value)
      for (; at < dirty.length && dirty[at]!.key < key; at++) {
        const cell = dirty[at]!
        if (isPresent(cell)) yield [cell.key, cell]
      }
      if (dirty[at]?.key !== key) yield [key, read]
    }
    for (; at < dirty.length; at++) {
      const cell = dirty[at]!
      if (isPresent(cell)) yield [cell.key, cell]
    }
  }

  #dirtyIn(home: CellMap<V>, from: KeyText | undefined, to: KeyText | undefined): CachedCell<V>[] {
    const found = this.#dirty.filter(
      ({ home: its, key }) => its === home && (from === undefined || key >= from) && (to === undefined || key < to),
    )
    return found.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
  }

  #find(home: CellMap<V>, key: KeyText): CachedCell<V> | undefined {
    const last = this.#last
    // An aggregate reads and writes the same key in turn: the second lookup is free.
    if (last !== undefined && last.home === home && last.key === key) {
      this.metrics.hits++
      return last
    }
    const cell = home.cells.get(key)
    if (cell === undefined) return undefined
    this.metrics.hits++
    cell.used = true
    this.#last = cell
    return cell
  }

  /** From the engine. What is not there is cached as absent, which a following put turns into the entry. */
  #load(home: CellMap<V>, key: KeyText): CachedCell<V> {
    this.metrics.misses++
    if (home.mayBeInEngine(key)) {
      this.metrics.engineReads++
      const found = this.#options.bytes.get(this.#layout.engineKey(key, home.startMs))
      if (found !== undefined) {
        const { value, timestampMs } = this.#decode(found)
        return this.#add(home, key, value, timestampMs)
      }
    }
    return this.#add(home, key, null, 0)
  }

  #add(home: CellMap<V>, key: KeyText, value: V | null, timestampMs: number): CachedCell<V> {
    const bytes = CELL_BYTES + key.length + 2 * this.#valueBytes
    const cell = new CachedCell(key, home, value, timestampMs, bytes)
    home.cells.set(key, cell)
    this.#bytes += bytes
    this.metrics.entries++
    this.#last = cell
    return cell
  }

  #forget(cell: CachedCell<V>): void {
    if (this.#last === cell) this.#last = undefined
    if (cell.dirty) {
      cell.dirty = false
      this.#dirty = this.#dirty.filter((other) => other !== cell)
    }
    cell.home.cells.delete(cell.key)
    this.#bytes -= cell.bytes
    this.metrics.entries--
  }

  #flushCell(cell: CachedCell<V>): void {
    const { bytes, changelog, codec, listener } = this.#options
    const { key, value, old, timestampMs } = cell
    const { startMs } = cell.home
    if (value === null) {
      bytes.delete(this.#layout.engineKey(key, startMs))
      changelog?.(this.#layout.changelogKey(key, startMs), null, timestampMs)
    } else {
      const writer = this.#writer.reset()
      writeHeader(writer, timestampMs)
      codec.write(value, writer)
      const written = writer.view()
      bytes.put(this.#layout.engineKey(key, startMs), written)
      changelog?.(this.#layout.changelogKey(key, startMs), written.subarray(HEADER_BYTES), timestampMs)
      this.#valueBytes += (written.length - HEADER_BYTES - this.#valueBytes) >> 4
    }
    listener?.(key, startMs, value, old, timestampMs)
  }

  #decode(bytes: Buffer): Cell<V> {
    if (bytes.length < HEADER_BYTES || bytes[0] !== VERSION) {
      throw new MillraceError('CORRUPT_FILE', `a stored value of version ${bytes[0]} and ${bytes.length} bytes`, {
        place: `store ${this.#options.name}`,
        fix: 'Remove the state directory: its stores are restored from their changelogs.',
      })
    }
    return { value: this.#options.codec.read(bytes, HEADER_BYTES, bytes.length), timestampMs: readInt64(bytes, 1) }
  }
}

/** A stored value: 0 version, 1 timestamp int64, 9 the value. */
function writeHeader(writer: ByteWriter, timestampMs: number): void {
  const at = writer.reserve(HEADER_BYTES)
  writer.bytes[at] = VERSION
  writeInt64(writer.bytes, at + 1, timestampMs)
}

function isPresent<V>(cell: CachedCell<V>): cell is CachedCell<V> & Cell<V> {
  return cell.value !== null
}
