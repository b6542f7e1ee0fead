import type { Random } from '@millrace/kernel'
import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'

/**
 * When the active segment has had enough (Kafka's `LogSegment.shouldRoll`). Time is measured on record timestamps, so
 * replayed history rolls as it did.
 */
export class RollRule {
  readonly #random: Random
  #config: LogConfig
  #afterMs = Number.POSITIVE_INFINITY

  constructor(config: LogConfig, random: Random) {
    this.#config = config
    this.#random = random
    this.drawJitter()
  }

  configure(config: LogConfig): void {
    this.#config = config
    this.drawJitter()
  }

  /** Anew for each segment, so that not all partitions roll at once. */
  drawJitter(): void {
    const { segmentMs, segmentJitterMs } = this.#config
    const jitterMs = segmentJitterMs === 0 ? 0 : this.#random.integer(Math.min(segmentJitterMs, segmentMs))
    this.#afterMs = segmentMs - jitterMs
  }

  /** Whether a batch of so many bytes, with this last offset and largest timestamp, belongs into a new segment. */
  isDue(active: Segment, bytes: number, last: number, timestampMs: number, nowMs: number): boolean {
    if (active.sizeBytes === 0) return active.isFullFor(last, Number.POSITIVE_INFINITY)
    if (active.sizeBytes + bytes > this.#config.segmentBytes) return true
    const sinceMs = active.firstTimestampMs >= 0 ? timestampMs - active.firstTimestampMs : nowMs - active.createdMs
    return sinceMs > this.#afterMs || active.isFullFor(last, this.#config.segmentIndexBytes)
  }
}
