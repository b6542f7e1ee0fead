import type { Buffer } from 'node:buffer'
import type { ValidBatch } from '@millrace/record/internal'
import type { LogContext } from '../log-context.ts'
import { Segment } from '../segment.ts'
import { segmentPath, segmentSuffixes } from '../segment-names.ts'
import type { AbortedTransaction } from '../transaction-index.ts'

/** A segment that the cleaner writes, under names that end in `.cleaned`. Nobody reads it. */
export class CleanedSegment {
  readonly segment: Segment
  readonly #context: LogContext
  readonly #room: Buffer
  readonly #indexIntervalBytes: number
  #used = 0
  #written = 0

  constructor(
    context: LogContext,
    of: { readonly directory: string; readonly base: number; readonly indexIntervalBytes: number },
    room: Buffer,
  ) {
    const { pool, checks, clock } = context
    this.#context = context
    this.#room = room
    this.#indexIntervalBytes = of.indexIntervalBytes
    const from = { pool, checks, nowMs: clock.nowMs(), marker: '.cleaned' as const }
    this.segment = new Segment(of.directory, of.base, from).create()
  }

  /** The batch is copied, or written. */
  append(batch: ValidBatch): void {
    if (batch.length > this.#room.length - this.#used) this.#flush()
    if (batch.length > this.#room.length) {
      this.segment.log.write(batch, 0, batch.length, this.#written)
      this.#written += batch.length
    } else {
      batch.copy(this.#room, this.#used)
      this.#used += batch.length
    }
    this.segment.noteBatch(batch, this.#indexIntervalBytes)
  }

  /** Its marker is the batch appended next. */
  addAborted(aborted: AbortedTransaction): void {
    this.segment.transactions.add(aborted)
  }

  /** Resolves when its contents survive a power cut; its names do not yet. */
  async finish(): Promise<void> {
    this.#flush()
    this.segment.writeIndexes('seal')
    const { pool, disk } = this.#context
    // Whoever finishes an interrupted swap takes an index without a successor for a new one.
    const transactions = segmentPath(this.segment.directory, this.segment.base, '.txnindex')
    if (disk.exists(transactions)) pool.use(this.segment.path('.txnindex'), 'open-or-create')
    const paths = segmentSuffixes.map((suffix) => this.segment.path(suffix)).filter((path) => disk.exists(path))
    await Promise.all(paths.map((path) => pool.sync(path)))
  }

  /** The files go. */
  discard(): void {
    this.segment.closeFiles()
    for (const suffix of segmentSuffixes) this.#context.disk.remove(this.segment.path(suffix))
  }

  #flush(): void {
    if (this.#used === 0) return
    this.segment.log.write(this.#room, 0, this.#used, this.#written)
    this.#written += this.#used
    this.#used = 0
  }
}
