import { kafkaError, messageOf, type Offset } from '@millrace/kernel'
import type { EpochCache } from './epoch-cache.ts'
import type { LogContext } from './log-context.ts'
import type { Segment } from './segment.ts'
import type { SegmentList } from './segment-list.ts'
import { segmentSuffixes } from './segment-names.ts'

/** What of a partition the log start concerns. */
export interface StartedLog {
  readonly name: string
  readonly segments: SegmentList
  readonly epochs: EpochCache
  /** It was closed, deleted, or its disk has failed. */
  isGone(): boolean
  /** How long the files of a deleted segment stay. */
  fileDeleteDelayMs(): number
}

/** Where a log begins, and what becomes of the segments below. */
export class LogStart {
  readonly #context: LogContext
  readonly #log: StartedLog
  #value: Offset
  /** What the checkpoint says. */
  #durable: Offset

  constructor(context: LogContext, log: StartedLog, start: Offset) {
    this.#context = context
    this.#log = log
    this.#value = start
    this.#durable = start
  }

  get value(): Offset {
    return this.#value
  }

  /** Survives a power cut. */
  get durable(): Offset {
    return this.#durable
  }

  raise(to: Offset): void {
    this.#value = to
  }

  /** A sealed and durable segment lies wholly below. @param settledTo segments up to here are */
  isDropDue(settledTo: number): boolean {
    return this.#log.segments.secondBase <= Math.min(this.#value, settledTo)
  }

  /**
   * Makes the start durable, then deletes sealed segments wholly below it. Recovery drops by the same two checkpoints:
   * a power cut may bring back any of the names.
   *
   * @throws KAFKA_STORAGE_ERROR
   */
  async dropBelow(settledTo: number): Promise<void> {
    const { name, segments, epochs } = this.#log
    const start = this.#value
    const limit = Math.min(start, settledTo)
    try {
      await this.#context.logStartMoved()
    } catch (error) {
      throw kafkaError('KAFKA_STORAGE_ERROR', name, messageOf(error), error)
    }
    if (this.#log.isGone()) return
    this.#durable = start
    epochs.truncateBefore(start)
    while (segments.secondBase <= limit) this.#drop(segments.shift())
  }

  #drop(segment: Segment): void {
    try {
      segment.closeFiles()
      const paths = segmentSuffixes.map((suffix) => segment.path(suffix))
      this.#context.deleted.discard(paths, this.#log.fileDeleteDelayMs())
    } catch (error) {
      const reason = messageOf(error)
      this.#context.log.warn('a deleted segment stays until the next start', { segment: segment.path('.log'), reason })
    }
  }
}
