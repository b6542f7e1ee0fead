import { Buffer } from 'node:buffer'
import { MillraceError, messageOf, type Offset, offset, readInt64, writeInt64 } from '@millrace/kernel'
import type { FilePool } from './file-pool.ts'

/** A transaction that was aborted, from its first batch to its marker. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: Offset
  /** Of the marker. */
  readonly lastOffset: Offset
  /** Last stable offset behind the marker: no later entry touches anything below it. */
  readonly lastStable: Offset
}

/**
 * Kafka's `.txnindex` (AbortedTxn): an entry for each aborted transaction whose marker stands in the segment, in the
 * order of the markers; both lastOffset and lastStable rise.
 *
 *     0         2            10            18           26           34
 *   +---------+------------+-------------+------------+------------+
 *   | version | producerId | firstOffset | lastOffset | lastStable |
 *   +---------+------------+-------------+------------+------------+
 */
export const abortedEntry = {
  bytes: 34,
  currentVersion: 0,
  version: 0,
  producerId: 2,
  firstOffset: 10,
  lastOffset: 18,
  lastStable: 26,
} as const

/** Entries read at once. */
const chunkEntries = 128

/** The transaction index of one segment: in memory while it grows, in its file after that. Empty, it has none. */
export class TransactionIndex {
  readonly #pool: FilePool
  readonly #segment: { path(suffix: '.txnindex'): string }
  /** undefined once sealed. */
  #entries: AbortedTransaction[] | undefined
  #count = 0
  #changed = false
  #hasFile = false

  /** @param segment says where its file is; most never have one */
  constructor(pool: FilePool, segment: { path(suffix: '.txnindex'): string }) {
    this.#pool = pool
    this.#segment = segment
  }

  get count(): number {
    return this.#count
  }

  /** There is a file, be it empty. */
  get hasFile(): boolean {
    return this.#hasFile
  }

  /** Begins anew, empty. @param exists a file of an earlier run is there */
  start(exists: boolean): void {
    this.#entries = []
    this.#count = 0
    this.#changed = exists
    this.#hasFile = exists
  }

  add(aborted: AbortedTransaction): void {
    this.#entries?.push(aborted)
    this.#count++
    this.#changed = true
  }

  /** What belongs into the file, which is then up to date; before it is sealed. */
  encode(): Buffer {
    this.#changed = false
    return encodeAborted(this.#entries ?? [])
  }

  /** Brings the file up to date; afterwards the entries are read from there when `seal`. */
  write(then: 'keep' | 'seal'): void {
    const entries = this.#entries
    if (entries === undefined) return
    if (this.#changed) {
      const bytes = encodeAborted(entries)
      const file = this.#pool.use(this.#path, 'open-or-create')
      file.truncate(bytes.length)
      file.write(bytes, 0, bytes.length, 0)
      this.#hasFile = true
    }
    this.#changed = false
    if (then === 'seal') this.#entries = undefined
  }

  /** Takes the file of a sealed segment as it is. */
  adopt(exists: boolean): void {
    this.#entries = undefined
    this.#hasFile = exists
    this.#count = exists ? Math.floor(this.#pool.use(this.#path).size() / abortedEntry.bytes) : 0
  }

  /** After `adopt`: takes the entries into memory, for a segment that goes on growing. */
  load(): void {
    this.#entries = this.#count === 0 ? [] : this.#read(0, this.#count)
    this.#changed = false
  }

  /** After `adopt`: whole entries, of which the last one can be of the segment [base, next). */
  looksWhole(exists: boolean, base: number, next: number): boolean {
    if (!exists) return true
    if (this.#pool.use(this.#path).size() !== this.#count * abortedEntry.bytes) return false
    try {
      const last = this.last()
      return last === undefined || (last.lastOffset >= base && last.lastOffset < next)
    } catch {
      return false // made anew, and told by whoever does it
    }
  }

  /** The last one; undefined where there is none. */
  last(): AbortedTransaction | undefined {
    return this.#count === 0 ? undefined : this.#at(this.#count - 1)
  }

  /**
   * Those that touch [from, to) are added to `found`. True when no later segment can have another
   * (`TransactionIndex.collectAbortedTxns`).
   */
  collect(from: number, to: number, found: AbortedTransaction[]): boolean {
    for (let i = this.#firstEndingAt(from); i < this.#count; ) {
      const entries =
        this.#entries?.slice(i, i + chunkEntries) ?? this.#read(i, Math.min(chunkEntries, this.#count - i))
      for (const entry of entries) {
        if (entry.firstOffset < to) found.push(entry)
        if (entry.lastStable >= to) return true
      }
      i += entries.length
    }
    return false
  }

  /** Index of the first entry whose marker stands at or behind `from`. */
  #firstEndingAt(from: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#at(middle).lastOffset < from) low = middle + 1
      else high = middle
    }
    return low
  }

  #at(i: number): AbortedTransaction {
    return this.#entries?.[i] ?? this.#read(i, 1)[0]!
  }

  get #path(): string {
    return this.#segment.path('.txnindex')
  }

  #read(from: number, count: number): AbortedTransaction[] {
    const bytes = Buffer.allocUnsafe(count * abortedEntry.bytes)
    const got = this.#pool.use(this.#path).read(bytes, 0, bytes.length, from * abortedEntry.bytes)
    try {
      return decodeAborted(bytes.subarray(0, got))
    } catch (cause) {
      throw new MillraceError('CORRUPT_FILE', messageOf(cause), {
        place: this.#path,
        fix: 'Stop the engine and delete the index files of this segment: they are made anew from its batches.',
        cause,
      })
    }
  }
}

export function encodeAborted(entries: readonly AbortedTransaction[]): Buffer {
  const bytes = Buffer.alloc(entries.length * abortedEntry.bytes)
  entries.forEach((entry, i) => {
    const at = i * abortedEntry.bytes
    bytes.writeInt16BE(abortedEntry.currentVersion, at + abortedEntry.version)
    writeInt64(bytes, at + abortedEntry.producerId, entry.producerId)
    writeInt64(bytes, at + abortedEntry.firstOffset, entry.firstOffset)
    writeInt64(bytes, at + abortedEntry.lastOffset, entry.lastOffset)
    writeInt64(bytes, at + abortedEntry.lastStable, entry.lastStable)
  })
  return bytes
}

/** @throws RangeError when an entry cannot be one. */
export function decodeAborted(bytes: Buffer): AbortedTransaction[] {
  const entries: AbortedTransaction[] = []
  for (let at = 0; at + abortedEntry.bytes <= bytes.length; at += abortedEntry.bytes) {
    const entry = {
      producerId: readInt64(bytes, at + abortedEntry.producerId),
      firstOffset: offset(readInt64(bytes, at + abortedEntry.firstOffset)),
      lastOffset: offset(readInt64(bytes, at + abortedEntry.lastOffset)),
      lastStable: offset(readInt64(bytes, at + abortedEntry.lastStable)),
    }
    const version = bytes.readInt16BE(at + abortedEntry.version)
    const inOrder = entry.firstOffset < entry.lastOffset && entry.lastStable <= entry.lastOffset + 1
    const previous = entries.at(-1)
    const rises =
      previous === undefined || (entry.lastOffset > previous.lastOffset && entry.lastStable >= previous.lastStable)
    if (version !== abortedEntry.currentVersion || entry.firstOffset < 0 || !inOrder || !rises) {
      throw new RangeError(`the aborted transaction at byte ${at} is none`)
    }
    entries.push(entry)
  }
  return entries
}
