import { type Disk, messageOf, type Timer, type TopicPartition } from '@millrace/kernel'
import { LogCleaner, type PlacedLog } from './cleaner/log-cleaner.ts'
import { OffsetCheckpoint } from './data-directory-files.ts'
import type { LogContext } from './log-context.ts'
import type { CheckedLogOptions } from './log-options.ts'
import { retain } from './retention.ts'

/** Partitions whose retention is looked at together: those that let something go share a write of the checkpoints. */
const retainedAtOnce = 256

/** What upkeep needs of its data directory. */
export interface UpkeepHome {
  readonly path: string
  readonly disk: Disk
  logs(): Iterable<PlacedLog>
  /** Resolves when the checkpoints of recovery points and log starts are durable. */
  writeCheckpoints(): Promise<void>
}

/** What is done to the logs of a directory from time to time, whoever appends: retention and compaction. */
export class Upkeep {
  readonly #context: LogContext
  readonly #options: CheckedLogOptions
  readonly #home: UpkeepHome
  readonly #cleaner: LogCleaner
  readonly #cleanedTo: OffsetCheckpoint
  readonly #timers = new Map<() => Promise<void>, Timer>()
  readonly #running = new Set<Promise<void>>()
  #stopped = false

  constructor(context: LogContext, options: CheckedLogOptions, home: UpkeepHome) {
    this.#context = context
    this.#options = options
    this.#home = home
    this.#cleanedTo = new OffsetCheckpoint(home.disk, home.path, 'cleaner-offset-checkpoint')
    this.#cleaner = new LogCleaner(context, options.cleaner, {
      logs: () => home.logs(),
      cleanedTo: this.#readCleanedTo(),
      recoveryPointsDurable: () => home.writeCheckpoints(),
      saveCleanedTo: (entries) => this.#saveCleanedTo(entries),
    })
  }

  start(): void {
    const { initialTaskDelayMs, retentionCheckIntervalMs, cleaner } = this.#options
    const retention = () => this.retain()
    const cleaning = () => this.clean()
    this.#after(initialTaskDelayMs, retentionCheckIntervalMs, retention)
    if (cleaner.enable) this.#after(cleaner.backoffMs, cleaner.backoffMs, cleaning)
  }

  /** One look for segments that retention no longer covers. Never rejects: what fails is logged. */
  async retain(): Promise<void> {
    const { clock, metrics, log: lines } = this.#context
    const logs = [...this.#home.logs()]
    const nowMs = clock.nowMs()
    for (let i = 0; i < logs.length && !this.#stopped; i += retainedAtOnce) {
      const some = logs.slice(i, i + retainedAtOnce).map((log) =>
        retain(log, nowMs, metrics).catch((error: unknown) => {
          lines.warn('old segments could not be deleted', { partition: log.name, reason: messageOf(error) })
        }),
      )
      await Promise.all(some)
      await clock.turn()
    }
  }

  /** One look for partitions to clean, and their cleaning. Never rejects. */
  clean(): Promise<void> {
    return this.#cleaner.run()
  }

  /** A topic is deleted. */
  async forget(topic: string, partitions: number): Promise<void> {
    await this.#cleaner.forget(topic, partitions)
  }

  /** Resolves when nothing is under way any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cleaner.stop()
    for (const timer of this.#timers.values()) timer.cancel()
    await Promise.all(this.#running)
  }

  #after(delayMs: number, intervalMs: number, task: () => Promise<void>): void {
    const due = (): void => {
      const running = task().then(() => {
        this.#running.delete(running)
        if (!this.#stopped) this.#after(intervalMs, intervalMs, task)
      })
      this.#running.add(running)
    }
    this.#timers.set(task, this.#context.clock.after(delayMs, due, 'background'))
  }

  /** One that cannot be read costs a clean of everything, nothing else. */
  #readCleanedTo(): Map<string, number> {
    try {
      return this.#cleanedTo.read()
    } catch (error) {
      this.#context.log.warn('compacted topics are cleaned from their beginning', { reason: messageOf(error) })
      return new Map()
    }
  }

  #saveCleanedTo(entries: readonly { readonly at: TopicPartition; readonly cleanedTo: number }[]): Promise<void> {
    return this.#cleanedTo.write(entries.map(({ at, cleanedTo }) => ({ ...at, at: cleanedTo })))
  }
}
