import { assert } from '../assert.ts'
import type { Counter, Gauge, Histogram, Labels, Metrics } from '../ports/metrics.ts'

/** Prometheus's own default, in seconds. */
const defaultBuckets: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

/** Measures kept in memory, with no server beside them. */
export function memoryMetrics(): Metrics {
  return new MemoryMetrics()
}

class MemoryMetrics implements Metrics {
  readonly #kinds = new Map<string, string>()
  readonly #counters = new Map<string, MemoryCounter>()
  readonly #gauges = new Map<string, MemoryGauge>()
  readonly #histograms = new Map<string, MemoryHistogram>()

  counter(name: string, _help: string, labels: Labels = {}): Counter {
    this.#claim(name, 'counter')
    return getOrMake(this.#counters, seriesName(name, labels), () => new MemoryCounter())
  }

  gauge(name: string, _help: string, labels: Labels = {}): Gauge {
    this.#claim(name, 'gauge')
    return getOrMake(this.#gauges, seriesName(name, labels), () => new MemoryGauge())
  }

  histogram(name: string, _help: string, labels: Labels = {}, buckets: readonly number[] = defaultBuckets): Histogram {
    this.#claim(name, 'histogram')
    return getOrMake(this.#histograms, seriesName(name, labels), () => new MemoryHistogram(name, labels, buckets))
  }

  snapshot(): Map<string, number> {
    const values = new Map<string, number>()
    for (const [series, counter] of this.#counters) values.set(series, counter.value)
    for (const [series, gauge] of this.#gauges) values.set(series, gauge.value)
    for (const histogram of this.#histograms.values()) histogram.report(values)
    return values
  }

  #claim(name: string, kind: string): void {
    const held = getOrMake(this.#kinds, name, () => kind)
    assert(held === kind, () => `${name} is a ${held}, not a ${kind}`)
  }
}

class MemoryCounter implements Counter {
  value = 0

  add(count = 1): void {
    this.value += count
  }
}

class MemoryGauge implements Gauge {
  value = 0

  set(value: number): void {
    this.value = value
  }
}

class MemoryHistogram implements Histogram {
  readonly #name: string
  readonly #labels: Labels
  readonly #bounds: readonly number[]
  readonly #counts: Float64Array
  #sum = 0
  #count = 0

  constructor(name: string, labels: Labels, bounds: readonly number[]) {
    this.#name = name
    this.#labels = labels
    this.#bounds = bounds
    this.#counts = new Float64Array(bounds.length)
  }

  observe(value: number): void {
    this.#sum += value
    this.#count++
    for (let i = 0; i < this.#bounds.length; i++) {
      if (value <= this.#bounds[i]!) {
        this.#counts[i]!++
        return
      }
    }
  }

  /** As Prometheus shows it: buckets are cumulative. */
  report(into: Map<string, number>): void {
    let below = 0
    for (const [i, bound] of this.#bounds.entries()) {
      below += this.#counts[i]!
      into.set(seriesName(`${this.#name}_bucket`, { ...this.#labels, le: String(bound) }), below)
    }
    into.set(seriesName(`${this.#name}_bucket`, { ...this.#labels, le: '+Inf' }), this.#count)
    into.set(seriesName(`${this.#name}_sum`, this.#labels), this.#sum)
    into.set(seriesName(`${this.#name}_count`, this.#labels), this.#count)
  }
}

/** `name{a="1",b="2"}`; the order of labels makes no difference, `le` stands last. */
function seriesName(name: string, labels: Labels): string {
  const pairs = Object.entries(labels).sort(([a], [b]) => Number(a === 'le') - Number(b === 'le') || (a < b ? -1 : 1))
  return pairs.length === 0 ? name : `${name}{${pairs.map(([k, v]) => `${k}=${JSON.stringify(v)}`).join(',')}}`
}

function getOrMake<V>(map: Map<string, V>, key: string, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}
