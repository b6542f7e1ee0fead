import { Buffer } from 'node:buffer'
import { type Log, messageOf } from '@millrace/kernel'
import { nextOffset, type ValidBatch } from '@millrace/record/internal'
import type { LogContext } from './log-context.ts'
import { ProducerStates } from './producer-states.ts'
import type { Segment } from './segment.ts'
import { parseSegmentName, segmentPath } from './segment-names.ts'

/**
 * Producer state of a log that is being opened: the newest snapshot that is whole, and the batches behind it. Snapshots
 * that are missing on the way are written anew.
 */
export class ProducerRecovery {
  readonly states = new ProducerStates()
  /** Written, and to be synced. */
  readonly written: string[] = []
  readonly #context: LogContext
  readonly #directory: string
  readonly #log: Log
  /** Offsets of snapshots that were read whole or written now. */
  readonly #whole = new Set<number>()
  /** The states know everything below; undefined before the first restore. */
  #knownTo: number | undefined

  constructor(context: LogContext, directory: string, log: Log) {
    this.#context = context
    this.#directory = directory
    this.#log = log
  }

  /** The states become those of offset `target`. @param segments those below it, in order */
  restore(target: number, segments: readonly Segment[]): void {
    if (this.#knownTo === target) return
    const from = this.#readNewest(target)
    for (const segment of segments) {
      if (segment.next <= from) continue
      if (segment.base > from && segment.base < target) this.keepSnapshot(segment.base)
      this.#replay(segment, from, target)
    }
    this.#knownTo = target
  }

  /** A batch of a segment that is read anew. */
  follow(segment: Segment, batch: ValidBatch): void {
    this.#knownTo = nextOffset(batch)
    if (!this.#context.checks.replays(batch)) return
    const aborted = this.states.update(batch)
    if (aborted !== undefined) segment.transactions.add(aborted)
  }

  /** What producers had done where a segment begins: from here on the segments before it may be deleted. */
  keepSnapshot(base: number): void {
    const path = segmentPath(this.#directory, base, '.snapshot')
    if (!this.#whole.has(base)) {
      const bytes = this.states.encode()
      const file = this.#context.pool.use(path, 'open-or-create')
      file.truncate(bytes.length)
      file.write(bytes, 0, bytes.length, 0)
      this.#whole.add(base)
    }
    this.written.push(path)
  }

  /** One for each segment's beginning is kept, and the newest. Returns its offset, 0 for none. */
  dropStray(segments: readonly Segment[], end: number): number {
    const { disk } = this.#context
    const newest = Math.max(0, ...[...this.#whole].filter((at) => at <= end))
    const kept = new Set([...segments.map((segment) => segment.base), newest])
    for (const name of disk.list(this.#directory)) {
      const parsed = parseSegmentName(name)
      const isKept = parsed === undefined || (parsed.base <= end && kept.has(parsed.base))
      if (parsed?.suffix === '.snapshot' && !isKept) disk.remove(`${this.#directory}/${name}`)
    }
    return newest
  }

  #readNewest(target: number): number {
    const { disk } = this.#context
    const names = disk.list(this.#directory).map(parseSegmentName)
    const snapshots = names.filter((each) => each?.suffix === '.snapshot' && each.base <= target).reverse()
    for (const snapshot of snapshots) {
      const at = snapshot?.base ?? 0
      const path = segmentPath(this.#directory, at, '.snapshot')
      try {
        this.states.decode(disk.readWhole(path) ?? Buffer.alloc(0), path)
        this.#whole.add(at)
        return at
      } catch (error) {
        this.#log.warn('a producer snapshot is not whole, an older one is used', { path, reason: messageOf(error) })
      }
    }
    this.states.clear()
    return 0
  }

  /** The batches of a segment in [from, to). */
  #replay(segment: Segment, from: number, to: number): void {
    let step = segment.locate(from)
    while (step !== undefined && step.baseOffset < to) {
      const batch = segment.batchAt(step)
      if (this.#context.checks.replays(batch)) this.states.update(batch)
      step = segment.stepAt(step.position + step.sizeBytes)
    }
  }
}
