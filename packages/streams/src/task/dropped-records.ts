import type { Counter, Metrics } from '@millrace/kernel'

/** Why a record went no further. Each is counted by node; nothing is dropped without one. */
export type DropReason =
  | 'late' // its window was closed
  | 'null-key'
  | 'null-value'
  | 'negative-timestamp'
  | 'no-table-value' // an inner join found nothing
  | 'deserialization'
  | 'processing'
  | 'production'

/** Counts what a task drops: in its metrics by node, and in sum for progress and tests. */
export class DroppedRecords {
  readonly totals = new Map<DropReason, number>()
  readonly #metrics: Metrics
  readonly #application: string
  readonly #counters = new Map<string, Counter>()

  constructor(metrics: Metrics, application: string) {
    this.#metrics = metrics
    this.#application = application
  }

  add(reason: DropReason, node: string): void {
    this.totals.set(reason, (this.totals.get(reason) ?? 0) + 1)
    const id = `${reason}\n${node}`
    let counter = this.#counters.get(id)
    if (counter === undefined) {
      const labels = { application: this.#application, node, reason }
      counter = this.#metrics.counter('millrace_streams_dropped_records_total', 'Records that went no further.', labels)
      this.#counters.set(id, counter)
    }
    counter.add()
  }
}
