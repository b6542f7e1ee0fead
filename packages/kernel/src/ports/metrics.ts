/** Label names to values. Made once where a metric is made, never per record. */
export type Labels = Readonly<Record<string, string>>

export interface Counter {
  add(count?: number): void
  readonly value: number
}

export interface Gauge {
  set(value: number): void
  readonly value: number
}

export interface Histogram {
  observe(value: number): void
}

/**
 * Named measures. Names follow Prometheus: `millrace_<package>_<what>_<unit or total>`. Asking twice for the same name
 * and labels gives the same measure.
 */
export interface Metrics {
  counter(name: string, help: string, labels?: Labels): Counter
  gauge(name: string, help: string, labels?: Labels): Gauge
  histogram(name: string, help: string, labels?: Labels, buckets?: readonly number[]): Histogram
  /** All values now, `name{label="x"}` to number; for status pages and tests. */
  snapshot(): Map<string, number>
}
