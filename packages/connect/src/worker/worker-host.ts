import type { TaskCounters } from '../task/task-counters.ts'
import type { TaskEnd, TaskEvent, TaskSpec } from '../task/task-spec.ts'

/** A task that was started somewhere. */
export interface RunningTask {
  readonly ended: Promise<TaskEnd>
  pause(): void
  resume(): void
  /** Asks it to finish what it holds, commit and end. */
  stop(): void
  /** Ends it without asking. Its uncommitted work is done again by the next run. */
  terminate(): Promise<void>
  /** CPU seconds of its thread; undefined where it has none of its own. */
  cpuSeconds(): Promise<number | undefined>
}

/**
 * Runs tasks: in this thread, in worker threads, or elsewhere. Given by the composer, who knows how a worker
 * reaches the engine.
 */
export interface ConnectWorkerHost {
  /** Shown as `worker_id` in statuses. */
  readonly workerId: string
  start(spec: TaskSpec, counters: TaskCounters, tell: (event: TaskEvent) => void): Promise<RunningTask>
}
