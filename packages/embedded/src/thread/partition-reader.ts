import { Buffer } from 'node:buffer'
import { type Disk, type DiskFile, kafkaError, type Offset, readInt64 } from '@millrace/kernel'
import { parseSegmentName, segmentPath } from '@millrace/log/internal'
import { batchField, batchHeaderBytes } from '@millrace/record/internal'
import type { TailSnapshot } from './shared-tail.ts'

const beforeLength = batchField.length + 4
const noBytes = Buffer.alloc(0)

/** Where reading goes on, so that a reader who reads in order never searches. */
interface Place {
  readonly base: number
  readonly position: number
}

/**
 * Reads one partition's segment files from a thread that does not own them: only below the high watermark, or the last
 * stable offset, where nothing changes.
 */
export class PartitionReader {
  readonly #disk: Disk
  readonly #directory: string
  readonly #header = Buffer.alloc(batchHeaderBytes)
  #bases: number[] = []
  #swaps = 0
  #file: DiskFile | undefined
  #fileBase = -1
  #next: { readonly offset: number; readonly place: Place } | undefined

  constructor(disk: Disk, directory: string) {
    this.#disk = disk
    this.#directory = directory
  }

  /**
   * Whole batches from the one that holds `from` on and below `upTo`, where a batch begins: at most `bytesMax`, one at
   * least; nothing at `upTo`. Unchecked.
   *
   * @throws DISK_ERROR when the files are not there any more, CORRUPT_MESSAGE when no batch begins where one should.
   */
  read(tail: TailSnapshot, from: Offset, upTo: Offset, bytesMax: number): Buffer {
    if (tail.swaps !== this.#swaps) {
      this.close()
      this.#swaps = tail.swaps
    }
    if (from >= upTo) return noBytes
    if (this.#bases.length === 0 || tail.activeBase > this.#bases.at(-1)!) this.#listSegments()
    let place = this.#next?.offset === from ? this.#next.place : this.#locate(from, tail)
    // At the end of a sealed segment the next one goes on.
    while (place.base !== tail.activeBase && place.position >= this.#end(place.base, tail)) {
      place = { base: this.#baseAfter(place.base), position: 0 }
    }
    return this.#readAt(place, tail, upTo, bytesMax)
  }

  /** The offset behind what `read` returned last. */
  get next(): number | undefined {
    return this.#next?.offset
  }

  close(): void {
    this.#file?.close()
    this.#file = undefined
    this.#fileBase = -1
    this.#bases = []
    this.#next = undefined
  }

  #readAt(place: Place, tail: TailSnapshot, upTo: Offset, bytesMax: number): Buffer {
    const end = this.#end(place.base, tail)
    const file = this.#open(place.base)
    const { sizeBytes } = this.#headerAt(place.base, place.position)
    const wanted = Math.max(sizeBytes, Math.min(bytesMax, end - place.position))
    const bytes = Buffer.allocUnsafeSlow(wanted)
    const got = file.read(bytes, 0, wanted, place.position)
    let at = 0
    let last = 0
    while (at + batchHeaderBytes <= got) {
      const size = bytes.readInt32BE(at + batchField.length) + beforeLength
      if (size < batchHeaderBytes || at + size > got || readInt64(bytes, at) >= upTo) break
      last = at
      at += size
    }
    if (at === 0) throw this.#corrupt(place.base, place.position)
    const offset = readInt64(bytes, last) + bytes.readInt32BE(last + batchField.lastOffsetDelta) + 1
    this.#next = { offset, place: { base: place.base, position: place.position + at } }
    return at === wanted ? bytes : bytes.subarray(0, at)
  }

  /** The batch that holds `from`, or the first one after it. */
  #locate(from: number, tail: TailSnapshot): Place {
    const base = this.#baseOf(from)
    let position = base === tail.activeBase ? 0 : this.#indexed(base, from)
    const end = this.#end(base, tail)
    while (position < end) {
      const header = this.#headerAt(base, position)
      if (header.lastOffset >= from) break
      position += header.sizeBytes
    }
    return { base, position }
  }

  /** Where a sealed segment's index says to begin; 0 unless the log confirms it. */
  #indexed(base: number, from: number): number {
    const path = segmentPath(this.#directory, base, '.index')
    if (!this.#disk.exists(path)) return 0
    const index = this.#disk.readWhole(path) ?? noBytes
    let low = 0
    let high = Math.floor(index.length / 8)
    while (low < high) {
      const middle = (low + high) >>> 1
      if (index.readInt32BE(middle * 8) <= from - base) low = middle + 1
      else high = middle
    }
    if (low === 0) return 0
    const last = base + index.readInt32BE((low - 1) * 8)
    const position = index.readInt32BE((low - 1) * 8 + 4)
    const file = this.#open(base)
    if (position < 0 || file.read(this.#header, 0, batchHeaderBytes, position) < batchHeaderBytes) return 0
    if (this.#header.readInt8(batchField.magic) !== 2 || this.#header.readInt32BE(0) < 0) return 0
    return readInt64(this.#header, 0) + this.#header.readInt32BE(batchField.lastOffsetDelta) === last ? position : 0
  }

  #headerAt(base: number, position: number): { readonly sizeBytes: number; readonly lastOffset: number } {
    const got = this.#open(base).read(this.#header, 0, batchHeaderBytes, position)
    const sizeBytes = got < batchHeaderBytes ? 0 : this.#header.readInt32BE(batchField.length) + beforeLength
    if (sizeBytes < batchHeaderBytes || this.#header.readInt8(batchField.magic) !== 2)
      throw this.#corrupt(base, position)
    const lastOffset = readInt64(this.#header, 0) + this.#header.readInt32BE(batchField.lastOffsetDelta)
    return { sizeBytes, lastOffset }
  }

  #end(base: number, tail: TailSnapshot): number {
    return base === tail.activeBase ? tail.activeBytes : this.#open(base).size()
  }

  #open(base: number): DiskFile {
    if (this.#file !== undefined && this.#fileBase === base) return this.#file
    this.#file?.close()
    this.#file = undefined
    this.#file = this.#disk.open(segmentPath(this.#directory, base, '.log'), 'read')
    this.#fileBase = base
    return this.#file
  }

  #listSegments(): void {
    this.#bases = this.#disk
      .list(this.#directory)
      .map(parseSegmentName)
      .flatMap((name) => (name?.suffix === '.log' ? [name.base] : []))
      .sort((a, b) => a - b)
  }

  #baseOf(from: number): number {
    let found = this.#bases[0] ?? 0
    for (const base of this.#bases) if (base <= from) found = base
    return found
  }

  #baseAfter(base: number): number {
    const next = this.#bases.find((other) => other > base)
    if (next === undefined) throw this.#corrupt(base, this.#open(base).size())
    return next
  }

  #corrupt(base: number, position: number): Error {
    const path = segmentPath(this.#directory, base, '.log')
    return kafkaError('CORRUPT_MESSAGE', `${path}:${position}`, 'No batch begins here.')
  }
}
