import { type Log, MillraceError, messageOf, offset } from '@millrace/kernel'
import { baseOffset, leaderEpoch } from '@millrace/record/internal'
import { corruptSegment } from './batch-step.ts'
import { BatchWalk } from './batch-walk.ts'
import { finishSwaps } from './cleaner/unfinished-swaps.ts'
import { EpochCache } from './epoch-cache.ts'
import type { LogContext, RecoveredLog } from './log-context.ts'
import { ProducerRecovery } from './producer-recovery.ts'
import { Segment } from './segment.ts'
import { parseSegmentName, segmentPath, segmentSuffixes } from './segment-names.ts'

/** What the data directory knows about a partition before it looks inside. */
export interface RecoveryInput {
  readonly directory: string
  readonly name: string
  /** The last stop was a clean one. */
  readonly clean: boolean
  /** Everything below was synced. */
  readonly recoveryPoint: number
  /** Below it the indexes and snapshots were synced as well. @default the recovery point */
  readonly settledTo?: number
  readonly logStart: number
  readonly indexIntervalBytes: number
  /** Kafka's cleaner may leave a gap where one segment ends and the next begins. */
  readonly compacted: boolean
  /** The directory was made now: that it has no segment is no loss. */
  readonly isNew: boolean
}

/**
 * Opens the segments of a partition (Kafka: LogLoader). What lies below the recovery point was synced and is taken as
 * it is;
 * what lies behind it after an unclean stop is read batch by batch, and the log ends before the first one that is not
 * whole, not
 * of the right checksum or not next in line. All that is kept is synced before anybody may append behind it.
 *
 * @throws CORRUPT_FILE when synced bytes are missing or damaged: nothing is cut off then.
 */
export async function recoverLog(context: LogContext, input: RecoveryInput): Promise<RecoveredLog> {
  await finishSwaps(context, input.directory)
  const recovery = new Recovery(context, input)
  const recovered = recovery.run()
  if (!recovery.rescanned && recovery.producers.written.length === 0) return recovered
  const active = recovered.segments.at(-1)
  for (const segment of recovered.segments) {
    if (segment.sealed) continue
    if (recovery.remade.has(segment)) await segment.replaceIndexes(context.disk)
    else {
      segment.writeIndexes(segment === active ? 'keep' : 'seal')
      for (const path of [segment.path('.log'), ...segment.indexPaths()]) await context.pool.sync(path)
    }
  }
  for (const path of recovery.producers.written) {
    await context.pool.sync(path)
    context.pool.close(path)
  }
  await recovered.epochs.save(context.disk, input.directory)
  await context.disk.syncDirectory(input.directory)
  return recovered
}

class Recovery {
  rescanned = false
  /** Synced segments whose indexes were not whole. */
  readonly remade = new Set<Segment>()
  readonly producers: ProducerRecovery
  readonly #context: LogContext
  readonly #input: RecoveryInput
  readonly #log: Log
  readonly #epochs = new EpochCache()
  readonly #segments: Segment[] = []
  readonly #walk: BatchWalk
  /** What the epoch file should say is to be told from the batches. */
  #epochsLost = false

  constructor(context: LogContext, input: RecoveryInput) {
    this.#context = context
    this.#input = input
    this.#log = context.log.child({ partition: input.name })
    this.#walk = new BatchWalk(context, input)
    this.producers = new ProducerRecovery(context, input.directory, this.#log)
  }

  run(): RecoveredLog {
    const { recoveryPoint } = this.#input
    const bases = this.#dropBelowStart(this.#listSegments())
    this.#loadEpochs()
    const start = Math.max(this.#input.logStart, recoveryPoint)
    this.#refuseLostStart(bases)
    // The first segment's name was never synced: nothing behind it can be joined to what was promised.
    const whole = bases.length > 0 && bases[0]! <= start
    if (whole) this.#openSegments(bases)
    else this.#removeFrom(bases, 0, 'its first segment is missing')
    if (this.#segments.length === 0) {
      this.#segments.push(this.#newSegment(start).create())
      this.producers.restore(start, [])
      this.rescanned = true
    }
    if (this.#segments.at(-1)!.next < recoveryPoint) throw this.#shortOf(this.#segments.at(-1)!)
    if (this.#segments.at(-1)!.next < this.#input.logStart) this.#beginAt(this.#input.logStart)
    const active = this.#segments.at(-1)!
    this.#epochs.truncateTo(active.next)
    this.#epochs.truncateBefore(this.#input.logStart)
    const snapshotAt = this.producers.dropStray(this.#segments, active.next)
    const first = Math.max(this.#input.logStart, this.#segments[0]!.base)
    return {
      segments: this.#segments,
      producers: this.producers.states,
      epochs: this.#epochs,
      logStart: offset(Math.min(first, active.next)),
      recoveryPoint: offset(active.next),
      snapshotAt,
    }
  }

  /**
   * A first segment that is gone, though what it held was synced and not deleted, must not pass for a log that begins
   * later: the start is durable before a file goes.
   */
  #refuseLostStart(bases: readonly number[]): void {
    const { isNew, logStart, recoveryPoint, directory } = this.#input
    const first = bases[0] ?? Number.POSITIVE_INFINITY
    if (isNew || first <= logStart || recoveryPoint <= logStart) return
    const begin = bases[0] === undefined ? 'it has no segment' : `the first segment begins at offset ${bases[0]}`
    throw new MillraceError('CORRUPT_FILE', `a segment is gone: ${begin}, the log begins at offset ${logStart}`, {
      place: directory,
      fix: 'Restore the partition from a copy, or delete its directory to begin anew.',
    })
  }

  /** A file that is missing or damaged is made anew from what the batches say. */
  #loadEpochs(): void {
    const { disk } = this.#context
    try {
      this.#epochsLost = !this.#epochs.load(disk, this.#input.directory)
    } catch (error) {
      this.#epochsLost = true
      this.#log.warn('the leader epochs are damaged, they are made anew', { reason: messageOf(error) })
    }
  }

  /** Bases in order. What an interrupted deletion, clean or temporary file left behind is removed. */
  #listSegments(): number[] {
    const { disk } = this.#context
    const bases: number[] = []
    for (const name of disk.list(this.#input.directory)) {
      if (/\.(deleted|cleaned|tmp)$/.test(name)) disk.remove(`${this.#input.directory}/${name}`)
      const parsed = parseSegmentName(name)
      if (parsed?.suffix === '.log') bases.push(parsed.base)
    }
    return bases
  }

  /**
   * Segments that were deleted: a power cut may have brought back any of their names. And indexes without a log, whose
   * name a power cut has taken: a later segment of that base would take them for its own.
   */
  #dropBelowStart(bases: readonly number[]): number[] {
    const { logStart, recoveryPoint, settledTo, directory } = this.#input
    // Further up no snapshot says what producers had done in them.
    const limit = Math.min(logStart, settledTo ?? recoveryPoint)
    const isDropped = (i: number) => (bases[i + 1] ?? Number.POSITIVE_INFINITY) <= limit
    const kept = bases.filter((_, i) => !isDropped(i))
    const known = new Set(kept)
    const { disk } = this.#context
    for (const file of disk.list(directory).map(parseSegmentName)) {
      if (file === undefined || known.has(file.base)) continue
      const isOrphan = file.suffix !== '.log' && file.suffix !== '.snapshot'
      if (file.base >= (kept[0] ?? 0) && !isOrphan) continue
      disk.remove(segmentPath(directory, file.base, file.suffix))
      this.rescanned = true
    }
    return kept
  }

  /** All that is left lies below the log start: the log goes on where it was, empty (Kafka: LogLoader). */
  #beginAt(logStart: number): void {
    this.#log.warn('the log ends below its start, it begins anew there', { logStart })
    for (const segment of this.#segments.splice(0)) this.#removeSegment(segment.base)
    this.#segments.push(this.#newSegment(logStart).create())
    this.rescanned = true
  }

  #removeSegment(base: number): void {
    for (const suffix of segmentSuffixes) {
      this.#context.pool.close(segmentPath(this.#input.directory, base, suffix))
      this.#context.disk.remove(segmentPath(this.#input.directory, base, suffix))
    }
  }

  #openSegments(bases: readonly number[]): void {
    const { recoveryPoint, settledTo, clean } = this.#input
    for (let i = 0; i < bases.length; i++) {
      const base = bases[i]!
      const nextBase = bases[i + 1]
      const previous = this.#segments.at(-1)
      // Behind the recovery point nothing has been cleaned, so a gap is a lost tail.
      if (previous !== undefined && base > recoveryPoint && previous.next !== base) {
        this.#removeFrom(bases, i, `the segment before it ends at offset ${previous.next}`)
        return
      }
      const segment = this.#newSegment(base)
      this.#segments.push(segment)
      if (nextBase !== undefined && (nextBase <= (settledTo ?? recoveryPoint) || clean)) {
        this.#adopt(segment, nextBase)
        continue
      }
      if (clean && this.#reopenActive(segment)) {
        this.#learnEpochs(segment)
        this.producers.restore(recoveryPoint, this.#segments)
        continue
      }
      this.producers.restore(base, this.#segments.slice(0, -1))
      if (this.#context.checks.index === 'trust' && this.#reopenUnconfirmed(segment)) continue
      if (this.#rescan(segment)) continue
      this.#removeFrom(bases, i + 1, `the segment before it was cut at offset ${segment.next}`)
      return
    }
  }

  /** A sealed and synced segment. Its indexes are made anew where they are missing or cannot be whole. */
  #adopt(segment: Segment, next: number): void {
    const { pool, disk } = this.#context
    const size = pool.use(segment.path('.log')).size()
    segment.adoptSealed(next, size)
    const shaped = segment.indexesLookWhole((path) => disk.exists(path))
    if (!shaped && this.#context.checks.index !== 'trust') this.#remakeIndexes(segment, next, size)
    const last = segment.lastStep()
    if (last !== undefined && last.lastOffset >= next) {
      throw corruptSegment(
        segment.path('.log'),
        last.position,
        `It goes on to ${last.lastOffset}, the next is ${next}.`,
      )
    }
    this.#checkGap(segment, last === undefined ? segment.base : last.lastOffset + 1, next)
    this.#learnEpochs(segment)
  }

  /**
   * Kafka's loader takes the segments that it finds, so that one missing between two others goes unnoticed. Here a segment's last batch
   * ends where the next segment begins, also after a clean, which keeps the header of that batch. Only Apache Kafka's own cleaner leaves
   * gaps, so those of a compacted topic are told and counted, and all others are a loss of synced records.
   */
  #checkGap(segment: Segment, end: number, next: number): void {
    if (end >= next || next <= this.#input.logStart) return
    const missing = `offsets ${end} to ${next - 1} are in no segment`
    if (!this.#input.compacted) {
      throw new MillraceError('CORRUPT_FILE', `a segment is gone: ${missing}`, {
        place: segment.path('.log'),
        fix: 'Restore the partition from a copy, or delete its directory to begin anew.',
      })
    }
    this.#log.warn('a compacted log has a gap between two segments', { segment: segment.path('.log'), missing })
    const help =
      'Gaps between two segments of compacted logs, found at the start: of an Apache Kafka, or a lost segment.'
    this.#context.metrics.counter('millrace_log_offset_gaps_total', help).add(1)
  }

  #remakeIndexes(segment: Segment, next: number, size: number): void {
    this.#log.warn('an index is missing or torn, it is made anew', { segment: segment.path('.index') })
    this.producers.restore(segment.base, this.#segments.slice(0, -1))
    segment.startIndexes()
    segment.resetTo(segment.base, 0)
    for (const batch of this.#walk.over(segment, 0, size, 'refuse')) this.producers.follow(segment, batch)
    segment.next = next
    this.remade.add(segment)
    this.rescanned = true
  }

  #learnEpochs(segment: Segment): void {
    if (!this.#epochsLost) return
    for (const { epoch, start } of segment.epochs()) {
      this.#epochs.assign(epoch, start)
      this.rescanned = true
    }
  }

  /**
   * After a clean stop: the indexes are read, and only what lies behind their last entry is looked at. False when
   * they do not fit.
   */
  #reopenActive(segment: Segment): boolean {
    const size = this.#context.pool.use(segment.path('.log')).size()
    const from = segment.loadIndexes(size, (path) => this.#context.disk.exists(path))
    if (from === undefined) return false
    this.#walk.count(segment, from, size, 'refuse')
    return segment.next === this.#input.recoveryPoint
  }

  /** What the crash suite's weakened checks do after an unclean stop: believe the index, look only behind it. */
  #reopenUnconfirmed(segment: Segment): boolean {
    const size = this.#context.pool.use(segment.path('.log')).size()
    this.rescanned = true
    const from = segment.loadIndexes(size, (path) => this.#context.disk.exists(path))
    if (from === undefined || from === 0) return false
    this.#walk.count(segment, from, size, 'stop')
    return true
  }

  /** Reads every batch; true when the segment was whole, false when it was cut. */
  #rescan(segment: Segment): boolean {
    this.rescanned = true
    const file = this.#context.pool.use(segment.path('.log'))
    const size = file.size()
    if (this.#segments.length > 1) this.producers.keepSnapshot(segment.base)
    segment.startIndexes(this.#context.disk.exists(segment.path('.txnindex')))
    segment.resetTo(segment.base, 0)
    for (const batch of this.#walk.over(segment, 0, size, 'stop')) {
      this.producers.follow(segment, batch)
      this.#epochs.assign(leaderEpoch(batch), baseOffset(batch))
    }
    if (segment.sizeBytes === size) return true
    const lost = size - segment.sizeBytes
    const { metrics } = this.#context
    metrics
      .counter('millrace_log_truncated_bytes_total', 'Bytes cut off behind the last whole batch in recovery.')
      .add(lost)
    this.#log.warn('the log was cut behind its last whole batch', {
      segment: segment.path('.log'),
      bytes: lost,
      end: segment.next,
    })
    this.#context.pool.use(segment.path('.log')).truncate(segment.sizeBytes)
    return false
  }

  #removeFrom(bases: readonly number[], from: number, reason: string): void {
    for (const base of bases.slice(from)) {
      this.rescanned = true
      const path = segmentPath(this.#input.directory, base, '.log')
      if (this.#input.clean || base < this.#input.recoveryPoint) {
        throw new MillraceError('CORRUPT_FILE', `the segment cannot follow: ${reason}`, { place: path })
      }
      this.#log.warn('a segment was dropped', { segment: path, reason })
      this.#removeSegment(base)
    }
  }

  #newSegment(base: number): Segment {
    const { pool, checks, clock } = this.#context
    return new Segment(this.#input.directory, base, { pool, checks, nowMs: clock.nowMs() })
  }

  #shortOf(active: Segment): MillraceError {
    const problem = `the log ends at offset ${active.next}, but was synced up to ${this.#input.recoveryPoint}`
    return new MillraceError('CORRUPT_FILE', problem, {
      place: active.path('.log'),
      fix: 'Restore the partition from a copy, or delete its directory to begin anew.',
    })
  }
}
