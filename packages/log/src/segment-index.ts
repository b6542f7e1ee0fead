import { Buffer } from 'node:buffer'
import { type DiskFile, writeInt64 } from '@millrace/kernel'

/**
 * Kafka's two sparse indexes of a segment; integers big-endian, offsets relative to the segment's base.
 *
 * .index      lastOffset int32 | position int32   each `index.interval.bytes`: a batch's last offset, and where it
 * begins
 *   .timeindex  timestamp int64 | offset int32      the largest timestamp so far, and the last offset of its batch;
 *                                                   both rise strictly
 *
 * Neither has a checksum: an entry is a hint, and whoever follows it looks at the batch it leads to.
 */
export const indexEntry = {
  offset: { bytes: 8, lastOffset: 0, position: 4 },
  time: { bytes: 12, timestamp: 0, offset: 8 },
} as const

const noEntries = Buffer.alloc(0)
/** Of an index that has its first entry: V8 keeps so much within its own heap. */
const firstBytes = 64

/** Entries in memory, in the form the file has. */
export class IndexEntries {
  readonly #entryBytes: number
  #bytes: Buffer
  #used = 0

  constructor(entryBytes: number, from?: Buffer) {
    this.#entryBytes = entryBytes
    this.#bytes = from === undefined || from.length === 0 ? noEntries : from
    this.#used = this.#bytes.length
  }

  get count(): number {
    return this.#used / this.#entryBytes
  }

  get sizeBytes(): number {
    return this.#used
  }

  /** What belongs into the file. Valid until the next entry. */
  get bytes(): Buffer {
    return this.#bytes.subarray(0, this.#used)
  }

  addOffset(relativeOffset: number, position: number): void {
    const at = this.#reserve()
    this.#bytes.writeInt32BE(relativeOffset, at)
    this.#bytes.writeInt32BE(position, at + indexEntry.offset.position)
  }

  addTime(timestampMs: number, relativeOffset: number): void {
    const at = this.#reserve()
    writeInt64(this.#bytes, at, timestampMs)
    this.#bytes.writeInt32BE(relativeOffset, at + indexEntry.time.offset)
  }

  /** Bytes of entry `i`, and where in them it begins. */
  entry(i: number, target: Buffer): void {
    this.#bytes.copy(target, 0, i * this.#entryBytes, (i + 1) * this.#entryBytes)
  }

  #reserve(): number {
    const at = this.#used
    if (at + this.#entryBytes > this.#bytes.length) {
      const larger = Buffer.alloc(Math.max(firstBytes, this.#bytes.length * 2 + this.#entryBytes))
      this.#bytes.copy(larger, 0, 0, at)
      this.#bytes = larger
    }
    this.#used = at + this.#entryBytes
    return at
  }
}

/** Entries of a sealed segment, read one by one from their file: nothing is kept in memory. */
export class IndexFile {
  readonly #file: DiskFile
  readonly #entryBytes: number
  readonly count: number

  constructor(file: DiskFile, entryBytes: number) {
    this.#file = file
    this.#entryBytes = entryBytes
    this.count = Math.floor(file.size() / entryBytes)
  }

  get sizeBytes(): number {
    return this.count * this.#entryBytes
  }

  entry(i: number, target: Buffer): void {
    this.#file.read(target, 0, this.#entryBytes, i * this.#entryBytes)
  }
}

const scratch = Buffer.alloc(16)

/** The last entry at or below `relativeOffset`; undefined where there is none. */
export function findPosition(
  entries: IndexEntries | IndexFile,
  relativeOffset: number,
): { readonly relativeOffset: number; readonly position: number } | undefined {
  const i = lastAtOrBelow(entries.count, (at) => {
    entries.entry(at, scratch)
    return scratch.readInt32BE(0) <= relativeOffset
  })
  if (i < 0) return undefined
  entries.entry(i, scratch)
  return { relativeOffset: scratch.readInt32BE(0), position: scratch.readInt32BE(indexEntry.offset.position) }
}

export interface TimeEntry {
  readonly timestampMs: number
  readonly relativeOffset: number
}

/** The last entry whose timestamp lies before `timestampMs`: what is searched begins after its offset. */
export function findBefore(entries: IndexEntries | IndexFile, timestampMs: number): TimeEntry | undefined {
  const i = lastAtOrBelow(entries.count, (at) => {
    entries.entry(at, scratch)
    return scratchTime() < timestampMs
  })
  return i < 0 ? undefined : timeEntry(entries, i)
}

/** The last entry of a time index; undefined where there is none. */
export function lastTime(entries: IndexEntries | IndexFile): TimeEntry | undefined {
  return entries.count === 0 ? undefined : timeEntry(entries, entries.count - 1)
}

function timeEntry(entries: IndexEntries | IndexFile, i: number): TimeEntry {
  entries.entry(i, scratch)
  return { timestampMs: scratchTime(), relativeOffset: scratch.readInt32BE(indexEntry.time.offset) }
}

/** Not refused where it exceeds 2^53: an entry may be garbage, and is only a hint. */
function scratchTime(): number {
  return scratch.readInt32BE(0) * 0x1_0000_0000 + scratch.readUInt32BE(4)
}

function lastAtOrBelow(count: number, isBelow: (i: number) => boolean): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBelow(middle)) low = middle + 1
    else high = middle
  }
  return low - 1
}
