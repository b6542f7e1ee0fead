import type { Random } from '@millrace/kernel'
import type { LogConfig } from './log-config.ts'
import type { Segment } from './segment.ts'

/** `segment.ms` less a jitter, drawn anew for each segment, so that not all partitions roll at once. */
export function drawRollMs({ segmentMs, segmentJitterMs }: LogConfig, random: Random): number {
  return segmentJitterMs === 0 ? segmentMs : segmentMs - random.integer(Math.min(segmentJitterMs, segmentMs))
}

/** A batch that is about to be written. */
export interface NextBatch {
  readonly sizeBytes: number
  readonly lastOffset: number
  readonly maxTimestampMs: number
}

/**
 * Whether the active segment has had enough, and the batch belongs into a new one (Kafka's `LogSegment.shouldRoll`). Time is measured
 * on record timestamps, so replayed history rolls as it did.
 *
 * @param rollMs of this segment, as `drawRollMs` said
 */
export function isRollDue(
  active: Segment,
  batch: NextBatch,
  config: LogConfig,
  rollMs: number,
  nowMs: number,
): boolean {
  if (active.sizeBytes === 0) return active.isFullFor(batch.lastOffset, Number.POSITIVE_INFINITY)
  if (active.sizeBytes + batch.sizeBytes > config.segmentBytes) return true
  const { firstTimestampMs } = active
  const sinceMs = firstTimestampMs >= 0 ? batch.maxTimestampMs - firstTimestampMs : nowMs - active.createdMs
  return sinceMs > rollMs || active.isFullFor(batch.lastOffset, config.segmentIndexBytes)
}
