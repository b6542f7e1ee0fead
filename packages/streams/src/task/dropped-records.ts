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
  readonly #byNode = new Map<string, Map<DropReason, Counter>>()

  constructor(metrics: Metrics, application: string) {
    this.#metrics = metrics
    this.#application = application
  }

  add(reason: DropReason, node: string): void {
    this.totals.set(reason, (this.totals.get(reason) ?? 0) + 1)
    let counters = this.#byNode.get(node)
    if (counters === undefined) {
      counters = new Map()
      this.#byNode.set(node, counters)
    }
    let counter = counters.get(reason)
    if (counter === undefined) {
      const labels = { application: this.#application, node, reason }
      counter = this.#metrics.counter('millrace_streams_dropped_records_total', 'Records that went no further.', labels)
      counters.set(reason, counter)
    }
    counter.add()
  }
}
