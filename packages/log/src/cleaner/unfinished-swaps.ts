import type { LogContext } from '../log-context.ts'
import { Segment } from '../segment.ts'
import { parseSegmentName, type SegmentMarker, segmentPath, segmentSuffixes } from '../segment-names.ts'

const sideSuffixes = segmentSuffixes.filter((suffix) => suffix !== '.log' && suffix !== '.snapshot')

/**
 * Finishes or undoes what a cleaner had under way when its process ended (see `swapSegments`; Kafka: LogLoader). A `.log.swap`
 * file means that the swap has happened: what it replaces goes, and it gets its name. A `.log.cleaned` one was not yet promised.
 *
 * Safe to be interrupted at any point itself.
 *
 * @throws CORRUPT_FILE when a `.swap` segment is not whole: it was synced before it got that name.
 */
export async function finishSwaps(context: LogContext, directory: string): Promise<void> {
  const { disk, log } = context
  const names = disk.list(directory)
  if (!names.some((name) => name.endsWith('.swap') || name.endsWith('.cleaned'))) return
  const marked = (suffix: string) =>
    names.flatMap((name) => (name.endsWith(suffix) ? [parseSegmentName(name.slice(0, -suffix.length))] : []))
  const logs = (suffix: string) => marked(suffix).flatMap((each) => (each?.suffix === '.log' ? [each.base] : []))
  const swapped = logs('.swap')
  const undone = logs('.cleaned').filter((base) => !swapped.includes(base))
  for (const base of undone) await undo(context, directory, base)
  for (const base of swapped) {
    log.warn('a swap of segments was interrupted, it is finished', { directory, base })
    await finish(context, directory, base)
  }
  // The log had its name already, some of its indexes had not.
  for (const each of marked('.swap')) {
    if (each === undefined || swapped.includes(each.base) || undone.includes(each.base)) continue
    const path = segmentPath(directory, each.base, each.suffix)
    disk.rename(`${path}.swap`, path)
  }
  await disk.syncDirectory(directory)
}

/** The log goes last: while it is there, whatever else there is of it counts for nothing. */
async function undo(context: LogContext, directory: string, base: number): Promise<void> {
  const { disk } = context
  for (const suffix of sideSuffixes) {
    for (const marker of ['.cleaned', '.swap'] as const) disk.remove(segmentPath(directory, base, suffix) + marker)
  }
  await disk.syncDirectory(directory)
  disk.remove(`${segmentPath(directory, base, '.log')}.cleaned`)
}

async function finish(context: LogContext, directory: string, base: number): Promise<void> {
  const { disk } = context
  const end = endOf(context, directory, base)
  for (const name of disk.list(directory)) {
    const old = parseSegmentName(name)
    if (old === undefined || old.base < base || old.base >= end) continue
    if (old.base === base && (old.suffix === '.snapshot' || old.suffix === '.log')) continue
    const isNew = old.base === base && !hasMarked(context, directory, base, old.suffix)
    if (!isNew) disk.remove(`${directory}/${name}`)
  }
  await disk.syncDirectory(directory)
  for (const suffix of sideSuffixes) {
    const path = segmentPath(directory, base, suffix)
    for (const marker of ['.cleaned', '.swap'] as const) {
      if (disk.exists(path + marker)) disk.rename(path + marker, path)
    }
  }
  disk.rename(`${segmentPath(directory, base, '.log')}.swap`, segmentPath(directory, base, '.log'))
  await disk.syncDirectory(directory)
}

function hasMarked(context: LogContext, directory: string, base: number, suffix: (typeof segmentSuffixes)[number]) {
  const path = segmentPath(directory, base, suffix)
  return context.disk.exists(`${path}.swap`) || context.disk.exists(`${path}.cleaned`)
}

/** Behind the last batch of a `.swap` segment: the cleaner keeps the last batch of what it cleans, empty if need be. */
function endOf({ pool, checks, clock }: LogContext, directory: string, base: number): number {
  const marker: SegmentMarker = '.swap'
  const segment = new Segment(directory, base, { pool, checks, nowMs: clock.nowMs(), marker })
  try {
    segment.sizeBytes = segment.log.size()
    let next = base
    for (let step = segment.stepAt(0); step !== undefined; step = segment.stepAt(step.position + step.sizeBytes)) {
      next = step.lastOffset + 1
    }
    return next
  } finally {
    segment.closeFiles()
  }
}
