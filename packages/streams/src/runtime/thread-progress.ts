import type { RunningTask } from './running-task.ts'
import type { SourceProgress } from './thread-messages.ts'

/** Sums over the tasks of a thread, including those it has given away. */
export class ThreadProgress {
  readonly #records = new Map<string, number>()
  readonly #dropped = new Map<string, number>()

  /** A task is about to be closed: its counts stay. */
  remember(task: RunningTask): void {
    addAll(this.#records, task.recordsByTopic())
    addAll(this.#dropped, task.dropped)
  }

  /** Every input of the tasks, and every topic that went through tasks before. */
  sources(tasks: Iterable<RunningTask>): SourceProgress[] {
    const records = new Map(this.#records)
    const lags = new Map<string, number>()
    for (const task of tasks) {
      addAll(records, task.recordsByTopic())
      addAll(lags, new Map(task.inputs.map(({ topic }) => [topic, task.lag(topic)])))
    }
    const topics = [...new Set([...records.keys(), ...lags.keys()])].sort()
    return topics.map((topic) => ({ topic, records: records.get(topic) ?? 0, lag: lags.get(topic) ?? 0 }))
  }

  dropped(tasks: Iterable<RunningTask>): Record<string, number> {
    const dropped = new Map(this.#dropped)
    for (const task of tasks) addAll(dropped, task.dropped)
    return Object.fromEntries(dropped)
  }
}

function addAll(sums: Map<string, number>, counts: ReadonlyMap<string, number>): void {
  for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count)
}
