import { Buffer } from 'node:buffer'
import { codeOf, type Metrics, messageOf, type TopicPartition } from '@millrace/kernel'
import type { LogContext } from '../log-context.ts'
import type { CleanerOptions } from '../log-options.ts'
import { BatchReader } from './batch-reader.ts'
import type { CleanableLog } from './cleanable-log.ts'
import { type CleanableRange, cleanableRange, dirtyRatio, isRollOverdue, isWorthCleaning } from './cleanable-range.ts'
import { OffsetMap } from './offset-map.ts'
import { type CleanPauses, type Dropped, PartitionClean } from './partition-clean.ts'
import { CleaningStopped } from './segment-swap.ts'
import { TimeSlices } from './time-slices.ts'

/** A partition with its place. */
export interface PlacedLog extends CleanableLog {
  readonly at: TopicPartition
}

/** What the cleaner needs of its data directory. */
export interface CleanerHome {
  logs(): Iterable<PlacedLog>
  /** By `<topic>-<partition>`: first offset that no clean has looked at, as the last start found it. */
  readonly cleanedTo: ReadonlyMap<string, number>
  /** Resolves when the recovery points of all partitions survive a power cut. */
  recoveryPointsDurable(): Promise<void>
  saveCleanedTo(entries: readonly { readonly at: TopicPartition; readonly cleanedTo: number }[]): Promise<void>
}

interface Candidate {
  readonly log: PlacedLog
  readonly range: CleanableRange
}

/**
 * Keeps the latest value of each key of compacted topics (storage/…/log/LogCleaner.java, LogCleanerManager.java): one partition
 * after the other, the dirtiest first, in short slices on the engine's thread.
 */
export class LogCleaner {
  readonly #context: LogContext
  readonly #options: CleanerOptions
  readonly #home: CleanerHome
  readonly #cleanedTo: Map<string, number>
  /** A clean of them has failed. They are left alone until the next start. */
  readonly #uncleanable = new Set<CleanableLog>()
  /** Left alone until the next run: segments went while they were cleaned, or there was no room. */
  readonly #skipped = new Set<CleanableLog>()
  #stopped = false
  #lastRunMs: number | undefined

  constructor(context: LogContext, options: CleanerOptions, home: CleanerHome) {
    this.#context = context
    this.#options = options
    this.#home = home
    this.#cleanedTo = new Map(home.cleanedTo)
  }

  /** Cleans whatever is worth it. Never rejects: what fails is logged and counted. */
  async run(): Promise<void> {
    this.#skipped.clear()
    this.#rollOverdue()
    while (!this.#stopped) {
      const next = this.#dirtiest()
      if (next === undefined) break
      await this.#clean(next)
    }
    this.#report()
  }

  /** The clean under way ends at its next pause. */
  stop(): void {
    this.#stopped = true
  }

  /** A topic is deleted: one of its name begins anew. */
  async forget(topic: string, partitions: number): Promise<void> {
    for (let partition = 0; partition < partitions; partition++) this.#cleanedTo.delete(`${topic}-${partition}`)
    await this.#save()
  }

  /** Records are to come within the cleaner's reach in time also where nobody appends. */
  #rollOverdue(): void {
    const nowMs = this.#context.clock.nowMs()
    for (const log of this.#home.logs()) {
      const { compacted, maxCompactionLagMs } = log.config
      if (!compacted || log.failure !== undefined) continue
      if (!isRollOverdue(log.segments.at(-1)!, maxCompactionLagMs, nowMs)) continue
      try {
        log.rollNow()
      } catch (error) {
        this.#context.log.warn('a segment cannot be rolled for the cleaner', {
          partition: log.name,
          reason: messageOf(error),
        })
      }
    }
  }

  #dirtiest(): Candidate | undefined {
    const nowMs = this.#context.clock.nowMs()
    let found: Candidate | undefined
    for (const log of this.#home.logs()) {
      if (!log.config.compacted || log.failure !== undefined) continue
      if (this.#uncleanable.has(log) || this.#skipped.has(log)) continue
      const range = cleanableRange(log, this.#cleanedTo.get(log.name), nowMs)
      if (!isWorthCleaning(range, log.config.minCleanableRatio)) continue
      if (found === undefined || dirtyRatio(range) > dirtyRatio(found.range)) found = { log, range }
    }
    return found
  }

  async #clean({ log, range }: Candidate): Promise<void> {
    const { metrics } = this.#context
    const { clock } = this.#context
    const reader = new BatchReader(this.#options.ioBufferBytes)
    const map = new OffsetMap({
      bytesMax: this.#options.dedupeBufferBytes,
      loadFactor: this.#options.dedupeBufferLoadFactor,
      entriesExpected: range.end - range.firstDirty,
      random: this.#context.random,
    })
    const tools = {
      context: this.#context,
      reader,
      room: Buffer.allocUnsafeSlow(this.#options.ioBufferBytes),
      pauses: this.#pauses(log),
    }
    const clean = new PartitionClean(tools, { log, range, map, nowMs: clock.nowMs() })
    try {
      // Behind the recovery point a gap would pass for a lost tail.
      await this.#home.recoveryPointsDurable()
      // A marker that a power cut takes back must not have decided what goes.
      await log.durable()
      const cleanedTo = await clean.run()
      this.#cleanedTo.set(log.name, cleanedTo)
      await this.#save()
      this.#lastRunMs = clock.monotonicMs()
    } catch (error) {
      this.#failed(log, error)
    } finally {
      reader.release()
    }
    countClean(metrics, reader.bytesRead, clean)
  }

  #pauses(log: PlacedLog): CleanPauses {
    const { clock, metrics } = this.#context
    const slices = new TimeSlices(clock, metrics, this.#options.ioBytesPerSecondMax)
    return {
      begin: () => slices.begin(),
      after: (bytes) => {
        if (this.#stopped || log.failure !== undefined) throw new CleaningStopped('the cleaner is to stop')
        return slices.isDue(bytes) ? slices.rest() : undefined
      },
    }
  }

  #failed(log: PlacedLog, error: unknown): void {
    const isFull = codeOf(error) === 'DISK_FULL'
    const left = isFull || error instanceof CleaningStopped ? this.#skipped : this.#uncleanable
    left.add(log)
    if (error instanceof CleaningStopped) return
    const { log: lines, metrics } = this.#context
    metrics.counter('millrace_log_cleaner_failures_total', 'Cleans of a partition that failed.').add()
    lines.error('the partition cannot be cleaned', {
      partition: log.name,
      reason: messageOf(error),
      triedAgain: isFull ? 'at the next check' : 'after the next start',
    })
  }

  #save(): Promise<void> {
    const entries = [...this.#home.logs()].flatMap((log) => {
      const cleanedTo = this.#cleanedTo.get(log.name)
      return cleanedTo === undefined ? [] : [{ at: log.at, cleanedTo }]
    })
    return this.#home.saveCleanedTo(entries)
  }

  #report(): void {
    const { metrics, clock } = this.#context
    const present = new Set<CleanableLog>()
    let dirtiest = 0
    const nowMs = clock.nowMs()
    for (const log of this.#home.logs()) {
      present.add(log)
      if (!log.config.compacted) continue
      dirtiest = Math.max(dirtiest, dirtyRatio(cleanableRange(log, this.#cleanedTo.get(log.name), nowMs)))
    }
    for (const log of this.#uncleanable) if (!present.has(log)) this.#uncleanable.delete(log)
    metrics
      .gauge('millrace_log_cleaner_max_dirty_percent', 'Dirty share of the dirtiest partition, as of the last check.')
      .set(Math.round(dirtiest * 100))
    metrics
      .gauge('millrace_log_cleaner_uncleanable_partitions', 'Partitions whose clean has failed since the start.')
      .set(this.#uncleanable.size)
    metrics
      .gauge('millrace_log_cleaner_idle_milliseconds', 'Time since a partition was cleaned; -1 before the first.')
      .set(this.#lastRunMs === undefined ? -1 : Math.round(clock.monotonicMs() - this.#lastRunMs))
  }
}

function countClean(metrics: Metrics, bytesRead: number, clean: PartitionClean): void {
  const total = (name: string, help: string) => metrics.counter(`millrace_log_cleaner_${name}_total`, help)
  total('read_bytes', 'Bytes that the cleaner has read.').add(bytesRead)
  total('before_bytes', 'Bytes of segments that were replaced by cleaned ones.').add(clean.bytesBefore)
  total('after_bytes', 'Bytes of the cleaned segments in their place.').add(clean.bytesAfter)
  total('runs', 'Cleans of a partition.').add()
  for (const reason of Object.keys(clean.dropped) as (keyof Dropped)[]) {
    if (clean.dropped[reason] === 0) continue
    metrics
      .counter('millrace_log_cleaner_dropped_records_total', 'Records that the cleaner took out, by why.', { reason })
      .add(clean.dropped[reason])
  }
}
