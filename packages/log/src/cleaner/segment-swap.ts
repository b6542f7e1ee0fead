import { kafkaError } from '@millrace/kernel'
import type { LogContext } from '../log-context.ts'
import { Segment } from '../segment.ts'
import { type SegmentMarker, segmentPath, segmentSuffixes } from '../segment-names.ts'
import type { CleanableLog } from './cleanable-log.ts'

/** A clean that is no longer wanted: its partition is gone, or segments went meanwhile. Nothing is wrong. */
export class CleaningStopped extends Error {
  override readonly name = 'CleaningStopped'
}

/**
 * Puts a cleaned segment in the place of those it was made of. Its contents are durable. Names change in four steps with a sync of
 * the directory behind each, because a power cut may keep any of the changes of one step and lose the others:
 *
 *   1. `.cleaned` names are durable                      a cut before: the old segments; `.cleaned` is removed
 *   2. `.cleaned` → `.swap`                              from here on the swap is finished by whoever comes next
 *   3. the old segments → `.deleted`                     readers have the `.swap` files by now
 *   4. `.swap` → the final names
 *
 * Readers of this thread see the new segment all at once, after step 2. Those of other threads ask the engine from step 3 to the
 * end of step 4, and open all files anew after it.
 *
 * @throws CleaningStopped before anything has changed; what the disk throws, when the partition has failed with it.
 */
export async function swapSegments(
  context: LogContext,
  log: CleanableLog,
  group: readonly Segment[],
  cleaned: Segment,
): Promise<void> {
  const { disk } = context
  const swap = new SegmentSwap(context, log, group, cleaned)
  await log.alone(async () => {
    swap.checkStillThere()
    await disk.syncDirectory(log.directory)
    swap.checkStillThere()
    try {
      swap.rename('.cleaned', '.swap')
      await swap.syncNames()
      swap.replace()
      await swap.syncNames()
      swap.finish()
      await disk.syncDirectory(log.directory)
    } catch (error) {
      if (!(error instanceof CleaningStopped)) log.fail(error)
      throw error
    }
  })
}

class SegmentSwap {
  readonly #context: LogContext
  readonly #log: CleanableLog
  readonly #group: readonly Segment[]
  readonly #base: number
  readonly #next: number
  readonly #sizeBytes: number
  readonly #modifiedMs: number
  #present: Segment

  constructor(context: LogContext, log: CleanableLog, group: readonly Segment[], cleaned: Segment) {
    this.#context = context
    this.#log = log
    this.#group = group
    this.#base = cleaned.base
    this.#next = group.at(-1)!.next
    this.#sizeBytes = cleaned.sizeBytes
    this.#modifiedMs = group.at(-1)!.log.modifiedMs()
    this.#present = cleaned
  }

  checkStillThere(): void {
    this.#checkOpen()
    const at = this.#log.segments.indexOf(this.#group[0]!)
    if (at >= 0 && this.#group.every((segment, i) => this.#log.segments[at + i] === segment)) return
    throw new CleaningStopped('segments were deleted while they were cleaned')
  }

  async syncNames(): Promise<void> {
    await this.#context.disk.syncDirectory(this.#log.directory)
    this.#checkOpen()
  }

  /** In memory readers have the cleaned segment, under its `.swap` name; the old files lose theirs. */
  replace(): void {
    const swapped = this.#segmentNamed('.swap')
    swapped.log.setModifiedMs(this.#modifiedMs)
    this.#log.beginSwap()
    this.#log.replaceSegments(this.#group, swapped)
    this.#present = swapped
    const { deleted } = this.#context
    for (const segment of this.#group) {
      segment.closeFiles()
      // Producer state at the base of what stays is still wanted.
      const suffixes = segmentSuffixes.filter((suffix) => suffix !== '.snapshot' || segment.base !== this.#base)
      deleted.discard(
        suffixes.map((suffix) => segment.path(suffix)),
        this.#log.config.fileDeleteDelayMs,
      )
    }
  }

  finish(): void {
    const swapped = this.#present
    this.rename('.swap', '')
    this.#log.replaceSegments([swapped], this.#segmentNamed(''))
    this.#log.endSwap()
  }

  rename(from: SegmentMarker, to: SegmentMarker): void {
    const { disk } = this.#context
    this.#present.closeFiles()
    for (const suffix of segmentSuffixes) {
      const path = segmentPath(this.#log.directory, this.#base, suffix)
      if (disk.exists(path + from) && from !== to && suffix !== '.snapshot') disk.rename(path + from, path + to)
    }
  }

  #segmentNamed(marker: SegmentMarker): Segment {
    const { pool, checks, clock } = this.#context
    const segment = new Segment(this.#log.directory, this.#base, { pool, checks, nowMs: clock.nowMs(), marker })
    segment.transactions.adopt(this.#context.disk.exists(segment.path('.txnindex')))
    segment.adoptSealed(this.#next, this.#sizeBytes)
    return segment
  }

  #checkOpen(): void {
    if (this.#log.failure === undefined) return
    throw new CleaningStopped(kafkaError('KAFKA_STORAGE_ERROR', this.#log.name, this.#log.failure.message).message)
  }
}
