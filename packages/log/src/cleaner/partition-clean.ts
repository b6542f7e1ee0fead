import type { Buffer } from 'node:buffer'
import {
  BatchCursor,
  BatchFilter,
  baseTimestamp,
  emptied,
  hasDeleteHorizon,
  isControl,
  lastOffset,
  producerEpoch,
  producerId,
  recordCount,
  type ValidBatch,
} from '@millrace/record/internal'
import type { LogContext } from '../log-context.ts'
import type { Segment } from '../segment.ts'
import type { BatchReader } from './batch-reader.ts'
import type { CleanableLog, ProducerInLog } from './cleanable-log.ts'
import type { CleanableRange } from './cleanable-range.ts'
import { CleanedSegment } from './cleaned-segment.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import type { OffsetMap } from './offset-map.ts'
import { segmentGroups } from './segment-groups.ts'
import { swapSegments } from './segment-swap.ts'

/** The last moment that JavaScript can date: a horizon for tombstones that stay for good. */
const horizonMaxMs = 8_640_000_000_000_000

/** Records that a clean took out, by why. */
export interface Dropped {
  /** A later record has the same key. */
  superseded: number
  /** Tombstones whose time was over. */
  tombstones: number
  /** Of aborted transactions, and markers nobody needs any more. */
  transactional: number
  /** Without a key: from before the topic was compacted. */
  keyless: number
}

/**
 * Records of one batch that are noted between two looks at the slice: a batch of a megabyte may hold a hundred thousand.
 */
export const recordsAtOnce = 2048

/** How a clean shares its thread. */
export interface CleanPauses {
  /** Work goes on after a wait for something else. */
  begin(): void
  /**
   * Behind each batch, and inside a large one: gives others their turn; undefined: go on at once.
   *
   * @throws CleaningStopped when the clean is to end
   */
  after(bytes: number): Promise<void> | undefined
}

/** What cleans share. */
export interface CleanTools {
  readonly context: LogContext
  readonly reader: BatchReader
  /** What is written is gathered here. */
  readonly room: Buffer
  readonly pauses: CleanPauses
}

/** One pass of the cleaner over one partition (storage/…/log/Cleaner.java). */
export class PartitionClean {
  readonly dropped: Dropped = { superseded: 0, tombstones: 0, transactional: 0, keyless: 0 }
  bytesBefore = 0
  bytesAfter = 0
  readonly #tools: CleanTools
  readonly #log: CleanableLog
  readonly #range: CleanableRange
  readonly #map: OffsetMap
  readonly #nowMs: number
  readonly #cursor = new BatchCursor()
  readonly #filter = new BatchFilter()
  /** Up to where the map knows the log. */
  #known: number
  /** The batch under way has a horizon that is over. */
  #isHorizonOver = false
  readonly #keep = (record: BatchCursor): boolean => this.#keeps(record)

  constructor(tools: CleanTools, of: { log: CleanableLog; range: CleanableRange; map: OffsetMap; nowMs: number }) {
    this.#tools = tools
    this.#log = of.log
    this.#range = of.range
    this.#map = of.map
    this.#nowMs = of.nowMs
    this.#known = of.range.firstDirty
  }

  /** Returns up to where the log is clean now. */
  async run(): Promise<number> {
    const { firstDirty, end } = this.#range
    const sealed = this.#log.segments.slice(0, -1).filter((segment) => segment.next <= end)
    await this.#noteKeys(sealed.filter((segment) => segment.next > firstDirty))
    const transactions = new CleanedTransactions()
    const reached = sealed.filter((segment) => segment.base < this.#known)
    for (const group of segmentGroups(reached, this.#log.config)) await this.#cleanGroup(group, transactions)
    return this.#known
  }

  /** Notes the last offset of each key in the dirty part; ends early where the map is full. */
  async #noteKeys(dirty: readonly Segment[]): Promise<void> {
    const { firstDirty, end } = this.#range
    this.#tools.pauses.begin()
    const transactions = new CleanedTransactions()
    transactions.add(this.#log.abortedTransactions(firstDirty, end))
    for (const segment of dirty) {
      const from = segment.base < firstDirty ? (segment.locate(firstDirty)?.position ?? segment.sizeBytes) : 0
      for (const batch of this.#tools.reader.batches(segment, from)) {
        const isGone = transactions.isDone(batch)
        if (!isControl(batch) && !isGone && !(await this.#noteBatch(batch))) return
        const pause = this.#tools.pauses.after(batch.length)
        if (pause !== undefined) await pause
      }
      this.#known = segment.next
    }
  }

  /** False where the map has become full inside the batch. */
  async #noteBatch(batch: ValidBatch): Promise<boolean> {
    const cursor = this.#cursor.open(batch)
    for (;;) {
      const state = this.#noteRecords(cursor)
      if (state !== 'more') return state === 'done'
      const pause = this.#tools.pauses.after(0)
      if (pause !== undefined) await pause
    }
  }

  #noteRecords(cursor: BatchCursor): 'done' | 'more' | 'full' {
    for (let i = 0; i < recordsAtOnce; i++) {
      if (!cursor.next()) return 'done'
      if (cursor.keyFrom < 0 || cursor.offset < this.#range.firstDirty) continue
      if (!this.#map.put(cursor.bytes, cursor.keyFrom, cursor.keyTo, cursor.offset)) {
        this.#known = cursor.offset
        return 'full'
      }
    }
    return 'more'
  }

  async #cleanGroup(group: readonly Segment[], transactions: CleanedTransactions): Promise<void> {
    const { context, room } = this.#tools
    const { directory, config } = this.#log
    const of = { directory, base: group[0]!.base, indexIntervalBytes: config.indexIntervalBytes }
    const cleaned = new CleanedSegment(context, of, room)
    try {
      const changed = await this.#rewrite(group, cleaned, transactions)
      const before = group.reduce((sum, segment) => sum + segment.sizeBytes, 0)
      if (group.length === 1 && !changed) {
        cleaned.discard()
        return
      }
      await cleaned.finish()
      await swapSegments(context, this.#log, group, cleaned.segment)
      this.bytesBefore += before
      this.bytesAfter += cleaned.segment.sizeBytes
    } catch (error) {
      // A partition that is gone has no files any more; one whose disk has failed is mended at the next start.
      if (this.#log.failure === undefined) cleaned.discard()
      else cleaned.segment.closeFiles()
      throw error
    }
  }

  /** Writes what stays of a group. False when that is all of it. */
  async #rewrite(
    group: readonly Segment[],
    cleaned: CleanedSegment,
    transactions: CleanedTransactions,
  ): Promise<boolean> {
    const producers = new Map(this.#log.producers().map((each) => [each.producerId, each]))
    const last = group.findLast((segment) => segment.sizeBytes > 0)
    transactions.onKeptAbort((aborted) => cleaned.addAborted(aborted))
    this.#tools.pauses.begin()
    let changed = false
    for (const segment of group) {
      transactions.add(this.#log.abortedTransactions(segment.base, segment.next))
      let left = segment.sizeBytes
      for (const batch of this.#tools.reader.batches(segment, 0)) {
        left -= batch.length
        // The last batch of a segment says where it ends, so it stays, if only by its header.
        const isLast = segment === last && left === 0
        const kept = this.#filtered(batch, transactions)
        const stays = kept ?? (isLast || isLastOfProducer(batch, producers) ? emptied(batch) : undefined)
        if (stays !== batch) changed = true
        if (stays !== undefined) cleaned.append(stays)
        const pause = this.#tools.pauses.after(batch.length)
        if (pause !== undefined) await pause
      }
    }
    return changed
  }

  #filtered(batch: ValidBatch, transactions: CleanedTransactions): ValidBatch | undefined {
    const isDone = transactions.isDone(batch)
    this.#isHorizonOver = hasDeleteHorizon(batch) && baseTimestamp(batch) <= this.#nowMs
    const horizonMs = Math.min(this.#nowMs + this.#log.config.deleteRetentionMs, horizonMaxMs)
    if (isControl(batch)) {
      if (!isDone || !this.#isHorizonOver) {
        return this.#filter.filter(batch, { keep: () => true, horizonMs, markerIsDone: isDone })
      }
      this.dropped.transactional += recordCount(batch)
      return undefined
    }
    if (isDone) {
      this.dropped.transactional += recordCount(batch)
      return undefined
    }
    return this.#filter.filter(batch, { keep: this.#keep, horizonMs })
  }

  #keeps(record: BatchCursor): boolean {
    if (record.offset >= this.#known) return true
    if (record.keyFrom < 0) {
      this.dropped.keyless++
      return false
    }
    if (this.#map.get(record.bytes, record.keyFrom, record.keyTo) > record.offset) {
      this.dropped.superseded++
      return false
    }
    if (record.valueFrom >= 0 || !this.#isHorizonOver) return true
    this.dropped.tombstones++
    return false
  }
}

/** Its sequence must not be forgotten, or the producer's next batch would pass for one out of order. */
function isLastOfProducer(batch: ValidBatch, producers: ReadonlyMap<number, ProducerInLog>): boolean {
  const known = producers.get(producerId(batch))
  if (known === undefined) return false
  if (known.lastOffset >= 0) return lastOffset(batch) === known.lastOffset
  return isControl(batch) && producerEpoch(batch) === known.producerEpoch
}
