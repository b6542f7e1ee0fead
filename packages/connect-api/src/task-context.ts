import type { Clock, Disk, Log, Metrics, Random } from '@millrace/kernel'

/** How far a task has come, in units of its own choosing. Costs two stores; call it per batch, not per record. */
export interface Progress {
  /** `done` of `total`; total undefined where the end is not known. */
  report(done: number, total?: number): void
}

/** What a task is given of the world. `C` is its config after validation: defaults filled in, references resolved. */
export interface TaskContext<C> {
  /** The connector's name, as configured. */
  readonly connector: string
  readonly task: number
  readonly config: C
  readonly clock: Clock
  readonly disk: Disk
  readonly random: Random
  readonly log: Log
  readonly metrics: Metrics
  /** Fires when the task is to stop: give up waiting, return. */
  readonly signal: AbortSignal
  readonly progress: Progress
  /** `exactly.once.support` is required. */
  readonly exactlyOnce: boolean
  /** An absolute path, relative ones taken from the directory the runtime was given. */
  resolvePath(path: string): string
}
