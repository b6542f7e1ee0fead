import type { PolledBatch } from '@millrace/client'
import type { Offset } from '@millrace/kernel'
import { BatchCursor, isControl } from '@millrace/record/internal'
import { PositionTracker } from './position-tracker.ts'
import type { SourceProcessor } from './processors/source-processor.ts'

/**
 * Batches of one input partition, walked record by record. The cursor stands on the head: the next record to process.
 */
export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly source: SourceProcessor
  readonly cursor = new BatchCursor()
  readonly positions = new PositionTracker()
  /** The latest timestamp taken from here; -1 before the first. */
  timeMs = -1
  /** Records that the broker has and this task has not; undefined: not known yet. */
  lag: number | undefined
  /** Timestamp of the head, when there is one. */
  headMs = 0
  #batches: (PolledBatch | undefined)[] = []
  #at = 0
  #open: PolledBatch | undefined
  #headOffset = -1
  #bytes = 0
  #records = 0

  constructor(topic: string, partition: number, source: SourceProcessor) {
    this.topic = topic
    this.partition = partition
    this.source = source
  }

  /** Bytes of batches that are not finished. */
  get bytes(): number {
    return this.#bytes
  }

  /** About how many records are left; those of the open batch count whole. */
  get records(): number {
    return this.#records
  }

  get empty(): boolean {
    return this.#open === undefined
  }

  get headOffset(): Offset {
    return this.#headOffset as Offset
  }

  add(polled: PolledBatch): void {
    this.#batches.push(polled)
    this.#bytes += polled.batch.length
    this.#records += polled.next - polled.from
    if (this.#open === undefined) this.#openNext()
  }

  /**
   * Nothing is left and the consumer has gone on over what holds no records for us (ends of transactions, what they
   * aborted): so does the position. Whether it did.
   */
  passTo(position: Offset, leaderEpoch: number): boolean {
    return this.#open === undefined && this.positions.passTo(position, leaderEpoch)
  }

  /** The head is done: steps to the next. */
  advance(): void {
    const open = this.#open!
    this.positions.advance((this.#headOffset + 1) as Offset, open.leaderEpoch)
    this.#step(open)
  }

  #step(open: PolledBatch): void {
    const { cursor } = this
    while (cursor.next()) {
      if (cursor.offset < open.from) continue
      this.#headOffset = cursor.offset
      this.headMs = cursor.timestampMs
      return
    }
    this.#finish(open)
    this.#openNext()
  }

  /**
   * Batches without a record that is ours (control batches, cleaned ones) are passed over, and the position with them.
   */
  #openNext(): void {
    while (this.#at < this.#batches.length) {
      const next = this.#batches[this.#at]!
      if (isControl(next.batch)) {
        this.#finish(next)
        continue
      }
      this.#open = next
      this.cursor.open(next.batch)
      this.#step(next)
      return
    }
    this.#batches = []
    this.#at = 0
    this.cursor.release()
  }

  #finish(done: PolledBatch): void {
    this.#open = undefined
    this.#batches[this.#at++] = undefined // let it be collected
    this.#bytes -= done.batch.length
    this.#records -= done.next - done.from
    this.positions.advance(done.next, done.leaderEpoch)
    if (this.#at < 64) return
    this.#batches = this.#batches.slice(this.#at)
    this.#at = 0
  }
}
