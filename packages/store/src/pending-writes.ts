import { Buffer } from 'node:buffer'
import { type KeyText, keyText } from './key-text.ts'

const ENTRY_BYTES = 96 // a Map entry, its text's header and the window on the value, about
const CHUNK_BYTES = 256 * 1024

/** A half-open range of keys; undefined is open. */
export interface KeyRange {
  readonly from: KeyText | undefined
  readonly to: KeyText | undefined
}

/**
 * What was written to a store and not flushed yet, laid over its engine. Deleted ranges apply to the engine only: a put after a
 * deleteRange stands in `values`, a put before it is gone from there.
 */
export class PendingWrites {
  /** null: deleted. */
  readonly #values = new Map<KeyText, Buffer | null>()
  #ranges: KeyRange[] = []
  #sorted: KeyText[] | undefined
  #chunk = Buffer.alloc(0)
  #chunkUsed = 0
  #bytes = 0

  get bytes(): number {
    return this.#bytes
  }

  /** Keys with a pending value or deletion. */
  get count(): number {
    return this.#values.size
  }

  get isEmpty(): boolean {
    return this.#values.size === 0 && this.#ranges.length === 0
  }

  get deletedRanges(): readonly KeyRange[] {
    return this.#ranges
  }

  /** The pending value, null when it is deleted, undefined when the engine has the word. */
  get(key: KeyText): Buffer | null | undefined {
    const value = this.#values.get(key)
    if (value !== undefined || this.#ranges.length === 0) return value
    return this.isRangeDeleted(key) ? null : undefined
  }

  put(key: KeyText, value: Buffer): void {
    this.#set(key, this.#copy(value))
  }

  delete(key: KeyText): void {
    this.#set(key, null)
  }

  deleteRange(from: KeyText | undefined, to: KeyText | undefined): void {
    if (from !== undefined && to !== undefined && from >= to) return
    for (const key of this.keys(from, to)) this.#values.delete(key)
    this.#sorted = undefined
    this.#ranges.push({ from, to })
    if (this.#ranges.length > 16) this.#ranges = joined(this.#ranges)
  }

  isRangeDeleted(key: KeyText): boolean {
    for (const { from, to } of this.#ranges) {
      if ((from === undefined || key >= from) && (to === undefined || key < to)) return true
    }
    return false
  }

  /** Sorted keys with a pending value or deletion of their own, `from <= key < to`. */
  keys(from?: KeyText, to?: KeyText): readonly KeyText[] {
    this.#sorted ??= [...this.#values.keys()].sort(byText)
    if (from === undefined && to === undefined) return this.#sorted
    const first = from === undefined ? 0 : countBelow(this.#sorted, from)
    return this.#sorted.slice(first, to === undefined ? undefined : Math.max(first, countBelow(this.#sorted, to)))
  }

  clear(): void {
    this.#values.clear()
    this.#ranges = []
    this.#sorted = undefined
    this.#chunkUsed = 0
    this.#bytes = 0
  }

  #set(key: KeyText, value: Buffer | null): void {
    const before = this.#values.size
    this.#values.set(key, value)
    if (this.#values.size !== before) {
      this.#sorted = undefined
      this.#bytes += ENTRY_BYTES + key.length
    }
    if (value !== null) this.#bytes += value.length
  }

  /** Into a chunk that is used again after the next flush: pending values are borrowed until then. */
  #copy(value: Buffer): Buffer {
    const size = value.length
    if (size > CHUNK_BYTES / 8) return Buffer.from(value)
    if (this.#chunkUsed + size > this.#chunk.length) {
      this.#chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES)
      this.#chunkUsed = 0
    }
    const at = this.#chunkUsed
    this.#chunkUsed = at + size
    this.#chunk.set(value, at)
    return this.#chunk.subarray(at, at + size)
  }
}

/** The text of optional bounds. */
export function rangeText(from: Buffer | undefined, to: Buffer | undefined): KeyRange {
  return { from: from === undefined ? undefined : keyText(from), to: to === undefined ? undefined : keyText(to) }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function countBelow(sorted: readonly KeyText[], key: KeyText): number {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < key) low = middle + 1
    else high = middle
  }
  return low
}

/** The same ranges with those that touch made one. */
function joined(ranges: readonly KeyRange[]): KeyRange[] {
  const ordered = [...ranges].sort((a, b) => byText(a.from ?? '', b.from ?? ''))
  const out: KeyRange[] = []
  for (const range of ordered) {
    const last = out.at(-1)
    const apart = last === undefined || (last.to !== undefined && range.from !== undefined && range.from > last.to)
    if (apart) out.push(range)
    else if (last.to !== undefined && (range.to === undefined || range.to > last.to)) {
      out[out.length - 1] = { from: last.from, to: range.to }
    }
  }
  return out
}
