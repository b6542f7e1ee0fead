import type { Counter, Gauge, Histogram, Labels, Metrics } from '@millrace/kernel'
import {
  collectDefaultMetrics,
  Counter as PrometheusCounter,
  Gauge as PrometheusGauge,
  Histogram as PrometheusHistogram,
  Registry,
} from 'prom-client'

/** The Metrics port by prom-client, with the text that Prometheus scrapes. */
export interface PrometheusMetrics extends Metrics {
  /** The exposition format, version 0.0.4. */
  text(): Promise<string>
}

/** `process`: also Node's own measures (memory, event loop, garbage collection). */
export function prometheusMetrics(options: { readonly process?: boolean } = {}): PrometheusMetrics {
  const registry = new Registry()
  if (options.process === true) collectDefaultMetrics({ register: registry })
  const registers = [registry]
  const counterOf = remembering(
    (name, help, labelNames) => new PrometheusCounter({ name, help, labelNames, registers }),
    (family, labels) => countingOn(labels === undefined ? family : family.labels(labels)),
  )
  const gaugeOf = remembering(
    (name, help, labelNames) => new PrometheusGauge({ name, help, labelNames, registers }),
    (family, labels) => settingOn(labels === undefined ? family : family.labels(labels)),
  )
  const histogramOf = remembering(
    (name, help, labelNames, buckets) =>
      new PrometheusHistogram({ name, help, labelNames, registers, ...(buckets === undefined ? {} : { buckets }) }),
    (family, labels): Histogram => (labels === undefined ? family : family.labels(labels)),
  )
  return {
    counter: counterOf.get,
    gauge: gaugeOf.get,
    histogram: histogramOf.get,
    snapshot: () => {
      const values = [...counterOf.made, ...gaugeOf.made]
      return new Map(values.map(([name, measure]) => [name, measure.value]))
    },
    text: () => registry.metrics(),
  }
}

/** The same name gives the same family; the same name and labels give the same measure. */
function remembering<F, M>(
  makeFamily: (name: string, help: string, labelNames: string[], buckets: number[] | undefined) => F,
  makeMeasure: (family: F, labels: Labels | undefined) => M,
) {
  const families = new Map<string, F>()
  const made = new Map<string, M>()
  const get = (name: string, help: string, labels: Labels = {}, buckets?: readonly number[]): M => {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`)
    const key = pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`
    const known = made.get(key)
    if (known !== undefined) return known
    let family = families.get(name)
    if (family === undefined) {
      family = makeFamily(name, help, Object.keys(labels), buckets === undefined ? undefined : [...buckets])
      families.set(name, family)
    }
    const measure = makeMeasure(family, pairs.length === 0 ? undefined : labels)
    made.set(key, measure)
    return measure
  }
  return { get, made }
}

function countingOn(target: { inc(count: number): void }): Counter {
  let total = 0
  return {
    add(count = 1): void {
      total += count
      target.inc(count)
    },
    get value(): number {
      return total
    },
  }
}

function settingOn(target: { set(value: number): void }): Gauge {
  let last = 0
  return {
    set(value: number): void {
      last = value
      target.set(value)
    },
    get value(): number {
      return last
    },
  }
}
