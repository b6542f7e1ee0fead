import { configError } from '@millrace/kernel'
import { type Duration, durationMs } from '@millrace/schema'
import type { WindowSpec } from '../topology/nodes.ts'

/** Windows of fixed size that follow one another: `[start, start + size)`, aligned to the epoch (UTC). */
export interface TumblingWindows {
  readonly spec: WindowSpec
  /**
   * How long a window still takes records after stream time has passed its end. It closes when stream time reaches end
   * + grace; records that come later are dropped, and counted as `late`.
   */
  grace(duration: Duration): TumblingWindows
}

/**
 * Without `.grace(…)` a window closes when stream time reaches its end. @throws CONFIG when the size is empty or zero.
 */
export function tumbling(size: Duration): TumblingWindows {
  const sizeMs = durationMs(size, 'tumbling size')
  if (sizeMs === 0) throw configError('tumbling size', 'must be longer than zero', size)
  return windows(sizeMs, 0)
}

function windows(sizeMs: number, graceMs: number): TumblingWindows {
  return Object.freeze({
    spec: Object.freeze({ kind: 'tumbling' as const, sizeMs, graceMs }),
    grace: (duration: Duration) => windows(sizeMs, durationMs(duration, 'tumbling grace')),
  })
}
