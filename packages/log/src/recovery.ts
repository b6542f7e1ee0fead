import { Buffer } from 'node:buffer'
import { codeOf, type Log, MillraceError, messageOf, offset } from '@millrace/kernel'
import {
  baseOffset,
  batchField,
  batchHeaderBytes,
  leaderEpoch,
  nextOffset,
  type ValidBatch,
} from '@millrace/record/internal'
import { EpochCache } from './epoch-cache.ts'
import type { LogContext, RecoveredLog } from './log-context.ts'
import { ProducerStates } from './producer-states.ts'
import { corruptSegment, Segment } from './segment.ts'
import { parseSegmentName, segmentPath, segmentSuffixes } from './segment-names.ts'

/** What the data directory knows about a partition before it looks inside. */
export interface RecoveryInput {
  readonly directory: string
  readonly name: string
  /** The last stop was a clean one. */
  readonly clean: boolean
  /** Everything below was synced. */
  readonly recoveryPoint: number
  readonly logStart: number
  readonly indexIntervalBytes: number
}

const chunkBytes = 1 << 20

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
  const recovery = new Recovery(context, input)
  const recovered = recovery.run()
  if (!recovery.rescanned) return recovered
  const active = recovered.segments.at(-1)
  for (const segment of recovered.segments) {
    if (segment.sealed) continue
    segment.writeIndexes(segment === active ? 'keep' : 'seal')
    for (const path of [segment.path('.log'), ...segment.indexPaths()]) await context.pool.sync(path)
  }
  for (const path of recovery.snapshots) {
    await context.pool.sync(path)
    context.pool.close(path)
  }
  await recovered.epochs.save(context.disk, input.directory)
  await context.disk.syncDirectory(input.directory)
  return recovered
}

class Recovery {
  rescanned = false
  /** Written, and to be synced. */
  readonly snapshots: string[] = []
  readonly #context: LogContext
  readonly #input: RecoveryInput
  readonly #log: Log
  readonly #producers = new ProducerStates()
  readonly #epochs = new EpochCache()
  readonly #segments: Segment[] = []
  /** Offset of the snapshot that the producers come from. */
  #producersFrom = 0

  constructor(context: LogContext, input: RecoveryInput) {
    this.#context = context
    this.#input = input
    this.#log = context.log.child({ partition: input.name })
  }

  run(): RecoveredLog {
    const { disk } = this.#context
    const { directory, recoveryPoint } = this.#input
    const bases = this.#dropBelowStart(this.#listSegments())
    this.#epochs.load(disk, directory)
    const start = Math.max(this.#input.logStart, recoveryPoint)
    // The first segment's name was never synced, or is lost: nothing behind it can be joined to what was promised.
    const whole = bases.length > 0 && bases[0]! <= start
    if (whole) this.#openSegments(bases)
    else this.#removeFrom(bases, 0, 'its first segment is missing')
    if (this.#segments.length === 0) {
      this.#segments.push(this.#newSegment(whole ? bases[0]! : start).create())
      this.rescanned = true
    }
    if (this.#segments.at(-1)!.next < recoveryPoint) throw this.#shortOf(this.#segments.at(-1)!)
    if (this.#segments.at(-1)!.next < this.#input.logStart) this.#beginAt(this.#input.logStart)
    const active = this.#segments.at(-1)!
    this.#epochs.truncateTo(active.next)
    this.#epochs.truncateBefore(this.#input.logStart)
    this.#dropSnapshots(active.next)
    const first = Math.max(this.#input.logStart, this.#segments[0]!.base)
    return {
      segments: this.#segments,
      producers: this.#producers,
      epochs: this.#epochs,
      logStart: offset(Math.min(first, active.next)),
      recoveryPoint: offset(active.next),
      snapshotAt: this.#producersFrom,
    }
  }

  /**
   * Bases in order. What an interrupted deletion or a temporary file left behind is removed; `.swap` files are the
   * cleaner's to finish.
   */
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

  /** Segments that were deleted: a power cut may have brought back any of their names. */
  #dropBelowStart(bases: readonly number[]): number[] {
    const { logStart, recoveryPoint, directory } = this.#input
    const isDropped = (i: number) => (bases[i + 1] ?? Number.POSITIVE_INFINITY) <= Math.min(logStart, recoveryPoint)
    const kept = bases.filter((_, i) => !isDropped(i))
    const { disk } = this.#context
    const files = disk.list(directory).map(parseSegmentName)
    for (const file of files) {
      if (file === undefined || file.base >= (kept[0] ?? 0)) continue
      disk.remove(segmentPath(directory, file.base, file.suffix))
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
    const { recoveryPoint, clean } = this.#input
    let replayed = false
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
      if (nextBase !== undefined && (nextBase <= recoveryPoint || clean)) {
        this.#adopt(segment, nextBase)
        continue
      }
      if (!replayed) this.#restoreProducers(base, clean)
      replayed = true
      if (clean && this.#reopenActive(segment)) {
        this.#replay(segment)
        continue
      }
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
    if (shaped || this.#context.checks.index === 'trust') return
    this.#log.warn('an index is missing or torn, it is made anew', { segment: segment.path('.index') })
    segment.startIndexes()
    segment.resetTo(segment.base, 0)
    for (const _ of this.#batches(segment, 0, size, 'refuse')) {
      // The walk itself fills the indexes.
    }
    segment.next = next
    this.rescanned = true // its indexes are written and synced with those of the other segments
  }

  /**
   * After a clean stop: the indexes are read, and only what lies behind their last entry is looked at. False when
   * they do not fit.
   */
  #reopenActive(segment: Segment): boolean {
    const size = this.#context.pool.use(segment.path('.log')).size()
    const from = segment.loadIndexes(size, (path) => this.#context.disk.exists(path))
    if (from === undefined) return false
    for (const _ of this.#batches(segment, from, size, 'refuse')) {
      // The walk counts them.
    }
    return segment.next === this.#input.recoveryPoint
  }

  /** What the crash suite's weakened checks do after an unclean stop: believe the index, look only behind it. */
  #reopenUnconfirmed(segment: Segment): boolean {
    const size = this.#context.pool.use(segment.path('.log')).size()
    this.rescanned = true
    const from = segment.loadIndexes(size, (path) => this.#context.disk.exists(path))
    if (from === undefined || from === 0) return false
    for (const _ of this.#batches(segment, from, size, 'stop')) {
      // The walk counts them.
    }
    return true
  }

  /** Reads every batch; true when the segment was whole, false when it was cut. */
  #rescan(segment: Segment): boolean {
    this.rescanned = true
    const file = this.#context.pool.use(segment.path('.log'))
    const size = file.size()
    if (this.#segments.length > 1) this.#writeSnapshot(segment)
    segment.startIndexes(this.#context.disk.exists(segment.path('.txnindex')))
    segment.resetTo(segment.base, 0)
    for (const batch of this.#batches(segment, 0, size, 'stop')) {
      if (nextOffset(batch) > this.#producersFrom) {
        const aborted = this.#producers.update(batch)
        if (aborted !== undefined) segment.transactions.add(aborted)
      }
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

  /** What producers had done where the segment begins: from here on the segments before it may be deleted. */
  #writeSnapshot(segment: Segment): void {
    if (this.#producersFrom !== segment.base) {
      const bytes = this.#producers.encode()
      const file = this.#context.pool.use(segment.path('.snapshot'), 'open-or-create')
      file.truncate(bytes.length)
      file.write(bytes, 0, bytes.length, 0)
    }
    this.snapshots.push(segment.path('.snapshot'))
  }

  /**
   * Whole batches from `from` on, counted into the segment. What is not one ends the walk, or is an error below the
   * recovery point.
   */
  *#batches(segment: Segment, from: number, size: number, onBad: 'stop' | 'refuse'): Generator<ValidBatch> {
    const path = segment.path('.log')
    let chunk: Buffer = Buffer.alloc(0)
    let chunkAt = from
    let position = from
    while (position < size) {
      if (position + batchHeaderBytes > chunkAt + chunk.length || !holdsBatch(chunk, position - chunkAt)) {
        chunk = this.#readChunk(segment, position, size)
        chunkAt = position
      }
      let batch: ValidBatch
      try {
        batch = this.#openAt(segment, chunk, position - chunkAt, position)
      } catch (error) {
        if (onBad === 'stop' && segment.next >= this.#input.recoveryPoint) return
        throw codeOf(error) === 'CORRUPT_FILE' ? error : corruptSegment(path, position, error)
      }
      segment.noteBatch(batch, this.#input.indexIntervalBytes)
      yield batch
      position += batch.length
    }
  }

  #openAt(segment: Segment, chunk: Buffer, at: number, position: number): ValidBatch {
    const place = { source: segment.path('.log'), position }
    const size = sizeAt(chunk, at)
    const batch = this.#context.checks.openBatch(chunk, at, Math.min(chunk.length, at + size), place)
    // Neither is under the checksum.
    const next = baseOffset(batch)
    const inLine = next >= this.#input.recoveryPoint ? next === segment.next : next >= segment.next
    if (!inLine) throw corruptSegment(place.source, position, `The batch has offset ${next}, expected ${segment.next}.`)
    if (leaderEpoch(batch) > this.#context.leaderEpoch) {
      throw corruptSegment(
        place.source,
        position,
        `The batch has epoch ${leaderEpoch(batch)}, the newest is ${this.#context.leaderEpoch}.`,
      )
    }
    return batch
  }

  #readChunk(segment: Segment, position: number, size: number): Buffer {
    const file = this.#context.pool.use(segment.path('.log'))
    const header = Buffer.alloc(batchHeaderBytes)
    const got = file.read(header, 0, batchHeaderBytes, position)
    const stated = got < batchHeaderBytes ? 0 : sizeAt(header, 0)
    // A length that is nonsense must not decide how much is read.
    const wanted = Math.min(size - position, Math.max(chunkBytes, stated <= size - position ? stated : 0))
    const chunk = Buffer.allocUnsafeSlow(wanted)
    return chunk.subarray(0, file.read(chunk, 0, wanted, position))
  }

  /** The newest whole snapshot at or below where replay begins, and the batches between the two. */
  #restoreProducers(base: number, clean: boolean): void {
    const { disk } = this.#context
    const { directory, recoveryPoint } = this.#input
    const upTo = clean ? recoveryPoint : base
    const offsets = disk.list(directory).map(parseSegmentName)
    const snapshots = offsets.filter((each) => each?.suffix === '.snapshot' && each.base <= upTo).reverse()
    for (const snapshot of snapshots) {
      const path = segmentPath(directory, snapshot?.base ?? 0, '.snapshot')
      try {
        this.#producers.decode(disk.readWhole(path) ?? Buffer.alloc(0), path)
        this.#producersFrom = snapshot?.base ?? 0
        break
      } catch (error) {
        this.#log.warn('a producer snapshot is not whole, an older one is used', { path, reason: messageOf(error) })
      }
    }
    for (const segment of this.#segments.slice(0, -1)) this.#replay(segment)
  }

  /** Producers learn the batches of a segment that lie behind their snapshot. */
  #replay(segment: Segment): void {
    if (segment.next <= this.#producersFrom) return
    let step = segment.locate(this.#producersFrom)
    while (step !== undefined) {
      this.#producers.update(segment.batchAt(step))
      step = segment.stepAt(step.position + step.sizeBytes)
    }
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

  /** One for each segment's beginning is kept, and the newest. */
  #dropSnapshots(end: number): void {
    const { disk } = this.#context
    const kept = new Set([...this.#segments.map((segment) => segment.base), this.#producersFrom])
    for (const name of disk.list(this.#input.directory)) {
      const parsed = parseSegmentName(name)
      const isKept = parsed === undefined || (parsed.base <= end && kept.has(parsed.base))
      if (parsed?.suffix === '.snapshot' && !isKept) disk.remove(`${this.#input.directory}/${name}`)
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

function sizeAt(bytes: Buffer, at: number): number {
  return at + batchField.length + 4 > bytes.length
    ? 0
    : bytes.readInt32BE(at + batchField.length) + batchField.length + 4
}

function holdsBatch(chunk: Buffer, at: number): boolean {
  return at + Math.max(sizeAt(chunk, at), batchHeaderBytes) <= chunk.length
}
