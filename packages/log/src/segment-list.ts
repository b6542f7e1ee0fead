import { Buffer } from 'node:buffer'
import { type Offset, offset } from '@millrace/kernel'
import { BatchCursor, leaderEpoch } from '@millrace/record/internal'
import type { ReadMemory } from './partition-log.ts'
import type { Segment } from './segment.ts'
import type { AbortedTransaction } from './transaction-index.ts'

/** Batches and the offset behind them. */
export interface ReadBatches {
  readonly bytes: Buffer
  readonly next: number
}

const noBatches: ReadBatches = { bytes: Buffer.alloc(0), next: 0 }

/** A record found by its time. */
export interface TimedRecord {
  readonly offset: Offset
  readonly timestampMs: number
  readonly leaderEpoch: number
}

/** The segments of a partition in order: at least one, the last one active. */
export class SegmentList {
  readonly #segments: Segment[]
  #active: Segment

  constructor(segments: readonly Segment[]) {
    this.#segments = [...segments]
    this.#active = segments.at(-1)!
  }

  get active(): Segment {
    return this.#active
  }

  get all(): readonly Segment[] {
    return this.#segments
  }

  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  }

  /** Base of the second segment, where the first one ends; infinite where the first one is active. */
  get secondBase(): number {
    return this.#segments[1]?.base ?? Number.POSITIVE_INFINITY
  }

  /** Becomes the active one. */
  push(segment: Segment): void {
    this.#segments.push(segment)
    this.#active = segment
  }

  /** @param replaced sealed ones that stand next to each other */
  replace(replaced: readonly Segment[], by: Segment): void {
    this.#segments.splice(this.#segments.indexOf(replaced[0]!), replaced.length, by)
  }

  /** Takes the first one off; never the active one. */
  shift(): Segment {
    return this.#segments.shift()!
  }

  /** Index of the last segment whose base is at or below `target`; the first where there is none. */
  indexAt(target: number): number {
    if (target >= this.#active.base) return this.#segments.length - 1
    let low = 0
    let high = this.#segments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#segments[middle]!.base <= target) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  /** Whole batches of one segment that begin below `limit`: at most `bytesMax`, one at least. Empty at the limit. */
  read(from: Offset, bytesMax: number, limit: number, memory?: ReadMemory): ReadBatches {
    if (from >= limit) return noBatches
    for (let i = this.indexAt(from); i < this.#segments.length; i++) {
      const segment = this.#segments[i]!
      const step = segment.locate(from)
      if (step === undefined) continue
      if (step.baseOffset >= limit) return noBatches
      const end = limit < segment.next ? (segment.locate(limit)?.position ?? segment.sizeBytes) : segment.sizeBytes
      return segment.read(step, bytesMax, end, memory)
    }
    return noBatches
  }

  /** Aborted transactions that touch [from, to), in the order of their markers. */
  abortedBetween(from: number, to: number): AbortedTransaction[] {
    const found: AbortedTransaction[] = []
    if (from >= to) return found
    for (let i = this.indexAt(from); i < this.#segments.length; i++) {
      if (this.#segments[i]!.transactions.collect(from, to, found)) break
    }
    return found
  }

  /** Behind the last marker of an aborted transaction; 0 where there is none. */
  abortedEnd(): Offset {
    for (let i = this.#segments.length - 1; i >= 0; i--) {
      const last = this.#segments[i]!.transactions.last()
      if (last !== undefined) return offset(last.lastOffset + 1)
    }
    return offset(0)
  }

  /** The first record at or behind `logStart` with a timestamp at or after `timestampMs`. */
  offsetForTimestamp(timestampMs: number, logStart: Offset): TimedRecord | undefined {
    for (const segment of this.#segments) {
      if (segment.maxTimestampMs < timestampMs) continue
      let step = segment.locateTime(timestampMs, logStart)
      for (; step !== undefined; step = segment.locateTime(timestampMs, logStart, step)) {
        const batch = segment.batchAt(step)
        const cursor = new BatchCursor().open(batch)
        while (cursor.next()) {
          if (cursor.timestampMs < timestampMs || cursor.offset < logStart) continue
          return { offset: cursor.offset, timestampMs: cursor.timestampMs, leaderEpoch: leaderEpoch(batch) }
        }
      }
    }
    return undefined
  }

  /** The record at or behind `logStart` with the largest timestamp. */
  maxTimestamp(logStart: Offset): TimedRecord | undefined {
    let largest = -1
    for (const segment of this.#segments) largest = Math.max(largest, segment.maxTimestampFrom(logStart))
    return largest < 0 ? undefined : this.offsetForTimestamp(largest, logStart)
  }
}
