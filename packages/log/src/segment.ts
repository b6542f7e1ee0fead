import { Buffer } from 'node:buffer'
import type { Disk, DiskFile } from '@millrace/kernel'
import {
  type BatchPlace,
  batchHeaderBytes,
  lastOffset,
  maxTimestamp,
  nextOffset,
  type ValidBatch,
} from '@millrace/record/internal'
import { type BatchStep, batchBytes, corruptSegment, endsWith, readStep } from './batch-step.ts'
import type { FilePool, PooledFile } from './file-pool.ts'
import type { ReadMemory } from './partition-log.ts'
import type { RecoveryChecks } from './recovery-checks.ts'
import { findBefore, findPosition, IndexEntries, IndexFile, indexEntry, lastTime } from './segment-index.ts'
import { type SegmentMarker, type SegmentSuffix, segmentPath } from './segment-names.ts'
import { TransactionIndex } from './transaction-index.ts'
import { replaceWhole } from './whole-file.ts'

const segmentFiles = ['.log', '.index', '.timeindex', '.txnindex'] as const

/** Bytes read at once when headers are walked: covers what lies between two index entries. */
const walkBytes = 8192

/** One `.log` file and its indexes. Sealed once a later segment exists: its indexes then live in their files. */
export class Segment {
  // What an append reads stands together, first.
  readonly base: number
  /** Offset after the last batch. */
  next: number
  /** Bytes of whole batches; what may lie behind them in the file is not part of the log. */
  sizeBytes = 0
  maxTimestampMs = -1
  /** Timestamp that `segment.ms` counts from: of the first batch. */
  firstTimestampMs = -1
  /** Written to since its last sync. */
  unsynced = false
  /** The log file, as it was used last. */
  #pooled: PooledFile | undefined
  /** Of the larger index, with room for another entry. */
  #indexBytesNext = 0
  #bytesSinceIndex = 0
  #maxTimestampOffset = -1
  /** The time index ends with the largest timestamp. */
  #isTimeNoted = false
  /** Entries that are not in the files. Files that are synced and right are not written again. */
  #indexesChanged = false
  #offsets: IndexEntries | undefined
  #times: IndexEntries | undefined
  /** Where the last read ended: a reader that goes on from there needs no index. */
  #hintOffset = -1
  #hintPosition = 0
  readonly #logPath: string
  readonly #checks: RecoveryChecks
  readonly #pool: FilePool
  readonly createdMs: number
  readonly directory: string
  readonly transactions: TransactionIndex
  readonly #marker: SegmentMarker

  constructor(
    directory: string,
    base: number,
    from: { pool: FilePool; checks: RecoveryChecks; nowMs: number; marker?: SegmentMarker },
  ) {
    this.directory = directory
    this.base = base
    this.next = base
    this.#pool = from.pool
    this.#checks = from.checks
    this.createdMs = from.nowMs
    this.#marker = from.marker ?? ''
    this.#logPath = this.path('.log')
    this.transactions = new TransactionIndex(from.pool, this)
  }

  path(suffix: SegmentSuffix): string {
    return segmentPath(this.directory, this.base, suffix) + this.#marker
  }

  /** Of the newest record; where no record has a time, when the file was last written. */
  get newestMs(): number {
    return this.maxTimestampMs >= 0 ? this.maxTimestampMs : this.log.modifiedMs()
  }

  /** Of the larger of both indexes. */
  get indexBytes(): number {
    return Math.max(this.#offsetEntries().sizeBytes, this.#timeEntries().sizeBytes)
  }

  get log(): DiskFile {
    const known = this.#pooled?.file
    if (known !== undefined) {
      this.#pooled!.used = true
      return known
    }
    this.#pooled = this.#pool.entry(this.#logPath)
    return this.#pooled.file!
  }

  get sealed(): boolean {
    return this.#offsets === undefined
  }

  /** Creates an empty active segment. A leftover of the same name is emptied. */
  create(): this {
    const log = this.#pool.use(this.path('.log'), 'open-or-create')
    // ext4 takes a file that was ever cut to nothing for one that is being replaced: closing it then starts to write
    // all of it out, half a second for a gigabyte, on this thread.
    if (log.size() > 0) log.truncate(0)
    this.startIndexes()
    return this
  }

  /** @param hasTransactionFile one is there already, and is emptied where it stays without an entry */
  startIndexes(hasTransactionFile = false): void {
    this.#offsets = new IndexEntries(indexEntry.offset.bytes)
    this.#times = new IndexEntries(indexEntry.time.bytes)
    this.transactions.start(hasTransactionFile)
    this.#indexesChanged = true
    this.#isTimeNoted = false
    this.#bytesSinceIndex = 0
    this.#measureIndexes()
  }

  /** Writes a stamped batch at the end. Nothing has changed when it throws. */
  append(batch: ValidBatch, indexIntervalBytes: number): void {
    this.log.write(batch, 0, batch.length, this.sizeBytes)
    this.unsynced = true
    this.noteBatch(batch, indexIntervalBytes)
  }

  /** Counts a batch that stands at the end of the file. */
  noteBatch(batch: ValidBatch, indexIntervalBytes: number): void {
    const last = lastOffset(batch)
    const timestampMs = maxTimestamp(batch)
    if (this.sizeBytes === 0) this.firstTimestampMs = timestampMs
    if (timestampMs > this.maxTimestampMs) {
      this.maxTimestampMs = timestampMs
      this.#maxTimestampOffset = last
      this.#isTimeNoted = false
    }
    if (this.#bytesSinceIndex > indexIntervalBytes) {
      this.#offsets?.addOffset(last - this.base, this.sizeBytes)
      this.#indexesChanged = true
      this.#noteTime()
      this.#measureIndexes()
      this.#bytesSinceIndex = 0
    }
    this.#bytesSinceIndex += batch.length
    this.sizeBytes += batch.length
    this.next = nextOffset(batch)
  }

  /** Whether `segment.index.bytes` has no room for another entry, or offsets no longer fit 32 bits. */
  isFullFor(last: number, indexBytes: number): boolean {
    if (last - this.base > 0x7fff_ffff) return true
    return this.#indexBytesNext > indexBytes
  }

  /** Writes the indexes to their files; the segment takes no more batches after it when `seal`. */
  writeIndexes(then: 'keep' | 'seal'): void {
    if (this.#offsets === undefined || this.#times === undefined) return
    this.#noteTime()
    if (this.#indexesChanged) {
      this.#writeIndex('.index', this.#offsets.bytes)
      this.#writeIndex('.timeindex', this.#times.bytes)
      this.#indexesChanged = false
    }
    this.transactions.write(then)
    if (then === 'keep') return
    this.#offsets = undefined
    this.#times = undefined
  }

  /** As `writeIndexes`, for a segment that recovery trusts: whenever the power goes, old or new files are there. */
  async replaceIndexes(disk: Disk): Promise<void> {
    if (this.#offsets === undefined || this.#times === undefined) return
    this.#noteTime()
    const hasTransactions = this.transactions.count > 0 || disk.exists(this.path('.txnindex'))
    if (hasTransactions) await this.#replace(disk, '.txnindex', this.transactions.encode())
    await this.#replace(disk, '.timeindex', this.#times.bytes)
    await this.#replace(disk, '.index', this.#offsets.bytes)
    this.#indexesChanged = false
    this.writeIndexes('seal')
  }

  /** The index files that there are; after `writeIndexes`. */
  indexPaths(): string[] {
    const paths = [this.path('.index'), this.path('.timeindex')]
    return this.transactions.hasFile ? [...paths, this.path('.txnindex')] : paths
  }

  /** Opens a segment whose log is known to be whole up to `sizeBytes` and `next`; its indexes stay in their files. */
  adoptSealed(next: number, sizeBytes: number): void {
    this.next = next
    this.sizeBytes = sizeBytes
    const last = lastTime(this.#timeEntries())
    if (last !== undefined) {
      this.maxTimestampMs = last.timestampMs
      this.#maxTimestampOffset = this.base + last.relativeOffset
    }
    const first = sizeBytes === 0 ? undefined : this.stepAt(0)
    if (first !== undefined) this.firstTimestampMs = first.maxTimestampMs
  }

  /** Begins to count anew: the batches up to `sizeBytes` are known, the next one is counted. */
  resetTo(next: number, sizeBytes: number): void {
    this.next = next
    this.sizeBytes = sizeBytes
    if (sizeBytes > 0) return
    this.maxTimestampMs = -1
    this.firstTimestampMs = -1
    this.#maxTimestampOffset = -1
    this.#bytesSinceIndex = 0
  }

  /** The index files are there, hold whole entries, and lead no further than the log goes. */
  indexesLookWhole(exists: (path: string) => boolean, next = this.next): boolean {
    const index = this.path('.index')
    const timeIndex = this.path('.timeindex')
    if (!exists(index) || !exists(timeIndex)) return false
    const hasTransactions = exists(this.path('.txnindex'))
    this.transactions.adopt(hasTransactions)
    if (!this.transactions.looksWhole(hasTransactions, this.base, next) && this.#checks.index !== 'trust') return false
    if (this.#pool.use(index).size() % indexEntry.offset.bytes !== 0) return false
    const timeBytes = this.#pool.use(timeIndex).size()
    if (timeBytes % indexEntry.time.bytes !== 0) return false
    if (timeBytes === 0 && this.sizeBytes > 0 && this.firstTimestampMs >= 0) return false
    const last = findPosition(this.#offsetEntries(), 0x7fff_ffff)
    if (this.#checks.index === 'trust') return true
    return last === undefined || this.#confirms(last.position, this.base + last.relativeOffset)
  }

  /**
   * Takes the indexes from their files into memory, for a segment that goes on growing. Returns where the batches
   * that they do
   * not know begin; undefined when they do not fit the log.
   */
  loadIndexes(sizeBytes: number, exists: (path: string) => boolean): number | undefined {
    this.sizeBytes = sizeBytes
    if (!this.indexesLookWhole(exists, Number.MAX_SAFE_INTEGER)) return undefined
    const last = findPosition(this.#offsetEntries(), 0x7fff_ffff)
    const from = last?.position ?? 0
    const first = this.stepAt(from)
    this.adoptSealed(first?.baseOffset ?? this.base, sizeBytes)
    this.#offsets = new IndexEntries(indexEntry.offset.bytes, this.#wholeIndex('.index'))
    this.#times = new IndexEntries(indexEntry.time.bytes, this.#wholeIndex('.timeindex'))
    this.transactions.load()
    this.#measureIndexes()
    this.#indexesChanged = false
    this.sizeBytes = from
    this.#bytesSinceIndex = 0
    return from
  }

  /** The header at `position`; undefined at the end. @throws CORRUPT_FILE when it cannot be one. */
  stepAt(position: number): BatchStep | undefined {
    if (position >= this.sizeBytes) return undefined
    const got = this.log.read(walkRoom, 0, batchHeaderBytes, position)
    return this.#step(0, got, position)
  }

  /** The header of the last batch; undefined in an empty segment. @throws CORRUPT_FILE when the file ends inside it. */
  lastStep(): BatchStep | undefined {
    let step = this.stepAt(this.#indexed(0x7fff_ffff + this.base))
    while (step !== undefined && step.position + step.sizeBytes < this.sizeBytes) {
      step = this.stepAt(step.position + step.sizeBytes)
    }
    return step
  }

  /** Which leader epochs begin in it, and where. All headers are read only where there is more than one. */
  *epochs(): Generator<{ readonly epoch: number; readonly start: number }> {
    const first = this.stepAt(0)
    const last = this.lastStep()
    if (first === undefined || last === undefined) return
    let known = first.leaderEpoch
    yield { epoch: known, start: first.baseOffset }
    while (known !== last.leaderEpoch) {
      const before = known
      const next = this.#walkFrom(0, (step) => step.leaderEpoch > before)
      if (next === undefined) return
      known = next.leaderEpoch
      yield { epoch: known, start: next.baseOffset }
    }
  }

  /** The batch that holds `target`, or the first one after it; undefined where all lie before it. */
  locate(target: number): BatchStep | undefined {
    // One header is enough: the batch behind the one that was read last holds `target`, or is the first one after it.
    if (target === this.#hintOffset && this.#hintPosition < this.sizeBytes) return this.stepAt(this.#hintPosition)
    const from = target > this.base ? this.#indexed(target) : 0
    return this.#walkFrom(from, (step) => step.lastOffset >= target)
  }

  /** The first batch behind `after` that ends at or behind `from` with a timestamp at or after `timestampMs`. */
  locateTime(timestampMs: number, from: number, after?: BatchStep): BatchStep | undefined {
    const position = after === undefined ? this.#beforeTime(timestampMs) : after.position + after.sizeBytes
    return this.#walkFrom(position, (step) => step.maxTimestampMs >= timestampMs && step.lastOffset >= from)
  }

  /** The largest timestamp of the batches that end at or behind `from`; -1 where there is none. */
  maxTimestampFrom(from: number): number {
    if (from <= this.base) return this.maxTimestampMs
    let largest = -1
    for (let step = this.locate(from); step !== undefined; step = this.stepAt(step.position + step.sizeBytes)) {
      largest = Math.max(largest, step.maxTimestampMs)
    }
    return largest
  }

  /** Whole checked batches from `first` on: at most `bytesMax`, one at least. Not past `end`. */
  read(
    first: BatchStep,
    bytesMax: number,
    end: number,
    memory: ReadMemory = ownMemory,
  ): { readonly bytes: Buffer; readonly next: number } {
    const { position } = first
    const wanted = Math.max(first.sizeBytes, Math.min(bytesMax, end - position))
    const bytes = memory(wanted)
    const { log } = this
    const got = log.read(bytes, 0, wanted, position)
    let at = 0
    let next = -1
    while (at + batchHeaderBytes <= got) {
      const size = batchBytes(bytes, at)
      if (size >= batchHeaderBytes && at + size > got) break
      const batch = this.#open(bytes, at, size, { source: log.path, position: position + at })
      next = nextOffset(batch)
      at += size
    }
    this.#hintOffset = next
    this.#hintPosition = position + at
    return { bytes: at === wanted ? bytes : bytes.subarray(0, at), next }
  }

  /** One checked batch. */
  batchAt(step: BatchStep): ValidBatch {
    const bytes = Buffer.allocUnsafeSlow(step.sizeBytes)
    const got = this.log.read(bytes, 0, step.sizeBytes, step.position)
    return this.#open(bytes.subarray(0, got), 0, step.sizeBytes, { source: this.log.path, position: step.position })
  }

  closeFiles(): void {
    for (const suffix of segmentFiles) this.#pool.close(this.path(suffix))
  }

  #open(bytes: Buffer, at: number, size: number, place: BatchPlace): ValidBatch {
    try {
      return this.#checks.openBatch(bytes, at, Math.min(at + size, bytes.length), place)
    } catch (error) {
      throw corruptSegment(place.source, place.position, error)
    }
  }

  /** Where to begin to look for `target`: what the index says, once the log has confirmed it. */
  #indexed(target: number): number {
    const found = findPosition(this.#offsetEntries(), target - this.base)
    if (found === undefined) return 0
    if (this.#checks.index === 'trust') return found.position
    return this.#confirms(found.position, this.base + found.relativeOffset) ? found.position : 0
  }

  #beforeTime(timestampMs: number): number {
    const entry = findBefore(this.#timeEntries(), timestampMs)
    if (entry === undefined) return 0
    const from = this.#indexed(this.base + entry.relativeOffset)
    if (this.#checks.index === 'trust') return from
    const step = this.#walkFrom(from, (each) => each.lastOffset >= this.base + entry.relativeOffset)
    return step?.maxTimestampMs === entry.timestampMs ? step.position : 0
  }

  /** A batch that ends with `last` begins at `position`. */
  #confirms(position: number, last: number): boolean {
    if (position < 0 || position + batchHeaderBytes > this.sizeBytes) return false
    this.log.read(walkRoom, 0, batchHeaderBytes, position)
    return endsWith(walkRoom, last, this.sizeBytes - position)
  }

  #walkFrom(from: number, isWanted: (step: BatchStep) => boolean): BatchStep | undefined {
    let position = from
    while (position < this.sizeBytes) {
      const start = position
      const got = this.log.read(walkRoom, 0, Math.min(walkBytes, this.sizeBytes - start), start)
      while (position === start || position - start + batchHeaderBytes <= got) {
        const step = this.#step(position - start, got, position)
        if (isWanted(step)) return step
        position += step.sizeBytes
      }
    }
    return undefined
  }

  /** From what was read last. @param to where it ends */
  #step(at: number, to: number, position: number): BatchStep {
    return readStep(walkRoom, at, to, { path: this.#logPath, position, segmentBytes: this.sizeBytes })
  }

  #offsetEntries(): IndexEntries | IndexFile {
    return (
      this.#offsets ?? new IndexFile(this.#pool.use(this.path('.index'), 'open-or-create'), indexEntry.offset.bytes)
    )
  }

  #timeEntries(): IndexEntries | IndexFile {
    return (
      this.#times ?? new IndexFile(this.#pool.use(this.path('.timeindex'), 'open-or-create'), indexEntry.time.bytes)
    )
  }

  #noteTime(): void {
    if (this.#isTimeNoted || this.#times === undefined || this.#maxTimestampOffset < 0) return
    this.#isTimeNoted = true
    const last = lastTime(this.#times)
    if (last !== undefined && last.timestampMs >= this.maxTimestampMs) return
    this.#times.addTime(this.maxTimestampMs, this.#maxTimestampOffset - this.base)
    this.#indexesChanged = true
    this.#measureIndexes()
  }

  #measureIndexes(): void {
    const offsets = (this.#offsets?.sizeBytes ?? 0) + indexEntry.offset.bytes
    const times = (this.#times?.sizeBytes ?? 0) + indexEntry.time.bytes
    this.#indexBytesNext = Math.max(offsets, times)
  }

  /** Read once at the start: it makes no room for files that are used. */
  #wholeIndex(suffix: '.index' | '.timeindex'): Buffer {
    const bytes = wholeFile(this.#pool.use(this.path(suffix)))
    this.#pool.close(this.path(suffix))
    return bytes
  }

  async #replace(disk: Disk, suffix: SegmentSuffix, bytes: Buffer): Promise<void> {
    this.#pool.close(this.path(suffix))
    await replaceWhole(disk, this.path(suffix), bytes)
  }

  #writeIndex(suffix: '.index' | '.timeindex', bytes: Buffer): void {
    const file = this.#pool.use(this.path(suffix), 'open-or-create')
    file.truncate(bytes.length)
    file.write(bytes, 0, bytes.length, 0)
  }
}

/** Headers are looked at one after the other, never kept: all segments of the thread share the room. */
const walkRoom = Buffer.alloc(walkBytes)
const ownMemory: ReadMemory = (bytes) => Buffer.allocUnsafeSlow(bytes)

function wholeFile(file: DiskFile): Buffer {
  const bytes = Buffer.alloc(file.size())
  file.read(bytes, 0, bytes.length, 0)
  return bytes
}
