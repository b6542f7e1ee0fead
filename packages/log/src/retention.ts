import { type Metrics, offset } from '@millrace/kernel'
import type { CleanableLog } from './cleaner/cleanable-log.ts'
import type { Segment } from './segment.ts'

/** Why records were let go. */
type Reason = 'time' | 'size'

/**
 * Lets go of the oldest segments of one partition that its `retention.ms` or `retention.bytes` no longer cover (Kafka:
 * `UnifiedLog.deleteOldSegments`). A segment counts by its newest record, so one future timestamp pins it and all behind it; where
 * no record has a time, by when it was last written. Only topics with `delete` among their policies; never beyond the high
 * watermark.
 *
 * @throws KAFKA_STORAGE_ERROR
 */
export async function retain(log: CleanableLog, nowMs: number, metrics: Metrics): Promise<void> {
  if (!log.config.deletes || log.failure !== undefined) return
  const bySize = sizeBreachedTo(log)
  const byTime = timeBreachedTo(log, nowMs)
  const start = Math.max(bySize, byTime)
  if (start <= log.logStart) return
  count(metrics, log, start, byTime >= bySize ? 'time' : 'size')
  // A log has an active segment always.
  if (start > log.segments.at(-1)!.base) log.rollNow()
  await log.advanceStart(offset(start))
}

/** Where the first segment begins that time lets stay. */
function timeBreachedTo(log: CleanableLog, nowMs: number): number {
  const { retentionMs } = log.config
  if (retentionMs < 0) return -1
  return breachedTo(log, (segment) => nowMs - segment.newestMs > retentionMs)
}

/** Where the first segment begins without which the log would be smaller than it may be. */
function sizeBreachedTo(log: CleanableLog): number {
  const { retentionBytes } = log.config
  if (retentionBytes < 0) return -1
  let surplus = log.segments.reduce((sum, segment) => sum + segment.sizeBytes, 0) - retentionBytes
  return breachedTo(log, (segment) => {
    surplus -= segment.sizeBytes
    return surplus >= 0
  })
}

/** Oldest first, up to the first that stays. */
function breachedTo(log: CleanableLog, isBreached: (segment: Segment) => boolean): number {
  let start = -1
  for (const segment of log.segments) {
    if (segment.sizeBytes === 0 && segment === log.segments.at(-1)) break
    if (segment.next > log.highWatermark || !isBreached(segment)) break
    start = segment.next
  }
  return start
}

function count(metrics: Metrics, log: CleanableLog, start: number, reason: Reason): void {
  const gone = log.segments.filter((segment) => segment.next <= start)
  const help = { segments: 'Segments', bytes: 'Bytes', offsets: 'Offsets' } as const
  const add = (what: keyof typeof help, by: number) =>
    metrics
      .counter(`millrace_log_retention_${what}_total`, `${help[what]} of segments that retention let go.`, { reason })
      .add(by)
  add('segments', gone.length)
  add(
    'bytes',
    gone.reduce((sum, segment) => sum + segment.sizeBytes, 0),
  )
  add('offsets', start - log.logStart)
}
