import { Buffer } from 'node:buffer'
import { type KeyText, keyText } from './key-text.ts'

const ENTRY_BYTES = 96 // a Map entry and its text's header, about
const ARENA_BYTES = 64 * 1024
const DELETED = -1

/** A half-open range of keys; undefined is open. */
export interface KeyRange {
  readonly from: KeyText | undefined
  readonly to: KeyText | undefined
}

/**
 * What was written to a store and not flushed yet, laid over its engine. Deleted ranges apply to the engine only: a
 * put after a
 * deleteRange stands in the values, a put before it is gone from there.
 *
 * Values lie one behind the other in one buffer, each with its length (uint32) in front: no object per value.
 */
export class PendingWrites {
  /** Where the value lies, or `DELETED`. */
  readonly #at = new Map<KeyText, number>()
  #ranges: KeyRange[] = []
  #sorted: KeyText[] | undefined
  #arena = Buffer.allocUnsafeSlow(ARENA_BYTES)
  #used = 0
  #keyBytes = 0

  get bytes(): number {
    return this.#used + this.#keyBytes
  }

  /** Keys with a pending value or deletion. */
  get count(): number {
    return this.#at.size
  }

  get isEmpty(): boolean {
    return this.#at.size === 0 && this.#ranges.length === 0
  }

  get deletedRanges(): readonly KeyRange[] {
    return this.#ranges
  }

  /** The pending value, null when it is deleted, undefined when the engine has the word. Valid until the next flush. */
  get(key: KeyText): Buffer | null | undefined {
    const at = this.#at.get(key)
    if (at !== undefined) return at === DELETED ? null : this.#value(at)
    return this.#ranges.length > 0 && this.#isRangeDeleted(key) ? null : undefined
  }

  put(key: KeyText, value: Buffer): void {
    const size = value.length
    const at = this.#used
    this.#used = at + 4 + size
    if (this.#used > this.#arena.length) this.#grow(at)
    this.#arena.writeUInt32LE(size, at)
    this.#arena.set(value, at + 4)
    this.#set(key, at)
  }

  delete(key: KeyText): void {
    this.#set(key, DELETED)
  }

  deleteRange(from: KeyText | undefined, to: KeyText | undefined): void {
    if (from !== undefined && to !== undefined && from >= to) return
    for (const key of this.keys(from, to)) this.#at.delete(key)
    this.#sorted = undefined
    this.#ranges.push({ from, to })
    if (this.#ranges.length > 16) this.#ranges = joined(this.#ranges)
  }

  /** Sorted keys with a pending value or deletion of their own, `from <= key < to`. */
  keys(from?: KeyText, to?: KeyText): readonly KeyText[] {
    this.#sorted ??= [...this.#at.keys()].sort(byText)
    if (from === undefined && to === undefined) return this.#sorted
    const first = from === undefined ? 0 : countBelow(this.#sorted, from)
    return this.#sorted.slice(first, to === undefined ? undefined : Math.max(first, countBelow(this.#sorted, to)))
  }

  /** Every key of its own with its value (null: deleted), as they came. */
  forEach(each: (key: KeyText, value: Buffer | null) => void): void {
    for (const [key, at] of this.#at) each(key, at === DELETED ? null : this.#value(at))
  }

  clear(): void {
    this.#at.clear()
    this.#ranges = []
    this.#sorted = undefined
    this.#used = 0
    this.#keyBytes = 0
  }

  #set(key: KeyText, at: number): void {
    const before = this.#at.size
    this.#at.set(key, at)
    if (this.#at.size === before) return
    this.#sorted = undefined
    this.#keyBytes += ENTRY_BYTES + key.length
  }

  #value(at: number): Buffer {
    return this.#arena.subarray(at + 4, at + 4 + this.#arena.readUInt32LE(at))
  }

  #grow(written: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#arena.length * 2, this.#used))
    this.#arena.copy(larger, 0, 0, written)
    this.#arena = larger
  }

  #isRangeDeleted(key: KeyText): boolean {
    for (const { from, to } of this.#ranges) {
      if ((from === undefined || key >= from) && (to === undefined || key < to)) return true
    }
    return false
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
