import type { Consumer } from '@millrace/client'

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

  sources(tasks: Iterable<RunningTask>, consumer: Consumer): SourceProgress[] {
    const records = new Map(this.#records)
    const lags = new Map<string, number>()
    for (const task of tasks) {
      addAll(records, task.recordsByTopic())
      for (const { topic, partition } of task.inputs) {
        const lag = (consumer.currentLag({ topic, partition }) ?? 0) + task.bufferedRecords(topic)
        lags.set(topic, (lags.get(topic) ?? 0) + lag)
      }
    }
    return [...records].map(([topic, count]) => ({ topic, records: count, lag: lags.get(topic) ?? 0 }))
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
