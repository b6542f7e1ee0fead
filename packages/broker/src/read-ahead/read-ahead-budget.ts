import type { Counter, Gauge, Metrics } from '@millrace/kernel'

/** What the pieces that are read ahead may take, and how they fared; of all connections of a broker. */
export class ReadAheadBudget {
  readonly used: Counter
  readonly unused: Counter
  readonly #bytesMax: number
  readonly #held: Gauge
  #bytes = 0

  constructor(metrics: Metrics, bytesMax: number) {
    this.#bytesMax = bytesMax
    const name = 'millrace_broker_read_ahead_total'
    const doc = 'Pieces of partitions that were read before a reader asked for them: used by it, or not'
    this.used = metrics.counter(name, doc, { outcome: 'used' })
    this.unused = metrics.counter(name, doc, { outcome: 'unused' })
    this.#held = metrics.gauge('millrace_broker_read_ahead_bytes', 'Read before a reader asked, and held for it.')
  }

  hasRoom(bytes: number): boolean {
    return this.#bytes + bytes <= this.#bytesMax
  }

  hold(bytes: number): void {
    this.#bytes += bytes
    this.#held.set(this.#bytes)
  }
}
