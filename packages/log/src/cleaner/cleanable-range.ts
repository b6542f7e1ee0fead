import type { Segment } from '../segment.ts'
import type { CleanableLog } from './cleanable-log.ts'

/** What could be cleaned of a partition now. */
export interface CleanableRange {
  /** First offset that no clean has looked at. */
  readonly firstDirty: number
  /** Segments up to here may be cleaned; no segment that holds it. */
  readonly end: number
  readonly cleanBytes: number
  readonly dirtyBytes: number
  /** A dirty record is older than `max.compaction.lag.ms`. */
  readonly isOverdue: boolean
}

/**
 * Kafka's `LogCleanerManager.cleanableOffsets`. A clean ends before the active segment, before the last stable offset (what an open
 * transaction has written is undecided), and before the first segment with a record younger than `min.compaction.lag.ms`; here
 * also before what recovery might still cut.
 *
 * @param cleanedTo up to where the last clean came; one that the log does not have means: all is dirty.
 */
export function cleanableRange(log: CleanableLog, cleanedTo: number | undefined, nowMs: number): CleanableRange {
  const { segments, config, logStart } = log
  const isKnown = cleanedTo !== undefined && cleanedTo >= logStart && cleanedTo <= log.highWatermark
  const firstDirty = isKnown ? cleanedTo : logStart
  const limit = Math.min(log.lastStable, log.settledTo)
  const youngestMs = config.minCompactionLagMs > 0 ? nowMs - config.minCompactionLagMs : Number.POSITIVE_INFINITY
  let cleanBytes = 0
  let dirtyBytes = 0
  let end = segments[0]?.base ?? 0
  let oldestMs = Number.POSITIVE_INFINITY
  for (const segment of segments.slice(0, -1)) {
    const isDirty = segment.next > firstDirty
    if (segment.next > limit || (isDirty && segment.newestMs > youngestMs)) break
    end = segment.next
    if (segment.base < firstDirty) cleanBytes += segment.sizeBytes
    if (!isDirty) continue
    dirtyBytes += segment.sizeBytes
    if (segment.firstTimestampMs > 0) oldestMs = Math.min(oldestMs, segment.firstTimestampMs)
  }
  const isOverdue = dirtyBytes > 0 && oldestMs < nowMs - config.maxCompactionLagMs
  return { firstDirty, end, cleanBytes, dirtyBytes, isOverdue }
}

/** Share of what could be cleaned that is dirty, 0 to 1. */
export function dirtyRatio({ cleanBytes, dirtyBytes }: CleanableRange): number {
  return dirtyBytes === 0 ? 0 : dirtyBytes / (cleanBytes + dirtyBytes)
}

/** Whether a partition is worth a clean: dirty enough, or overdue. */
export function isWorthCleaning(range: CleanableRange, minRatio: number): boolean {
  return range.dirtyBytes > 0 && (range.isOverdue || dirtyRatio(range) > minRatio)
}

/**
 * Whether the active segment is to be rolled without an append, so that its records come within reach of the cleaner in
 * `max.compaction.lag.ms`.
 */
export function isRollOverdue(active: Segment, maxLagMs: number, nowMs: number): boolean {
  return active.sizeBytes > 0 && active.firstTimestampMs > 0 && active.firstTimestampMs < nowMs - maxLagMs
}
