import type { Counter, Gauge, Histogram, Metrics, TopicPartition } from '@millrace/kernel'

const timeBuckets = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30]

/** What a consumer tells of itself, made once. `group` is empty for one that assigns its partitions by hand. */
export class ConsumerMetrics {
  readonly fetches: Counter
  readonly fetchedBytes: Counter
  readonly fetchSeconds: Histogram
  readonly fullFetches: Counter
  readonly polledBytes: Counter
  readonly bufferedBytes: Gauge
  readonly rebalances: Counter
  readonly rebalanceSeconds: Histogram
  readonly lostAssignments: Counter
  readonly commits: Counter
  readonly failedCommits: Counter
  readonly commitSeconds: Histogram
  readonly truncations: Counter
  readonly resets: Counter
  readonly interceptorFailures: Counter
  readonly #metrics: Metrics
  readonly #group: string

  constructor(metrics: Metrics, group: string) {
    this.#metrics = metrics
    this.#group = group
    const of = { group }
    const counter = (name: string, help: string) => metrics.counter(`millrace_client_${name}`, help, of)
    const seconds = (name: string, help: string) => metrics.histogram(`millrace_client_${name}`, help, of, timeBuckets)
    this.fetches = counter('fetches_total', 'Fetch requests answered.')
    this.fetchedBytes = counter('fetched_bytes_total', 'Bytes of batches fetched.')
    this.fetchSeconds = seconds('fetch_seconds', 'From a fetch request to its answer, the wait at the broker included.')
    this.fullFetches = counter(
      'full_fetches_total',
      'Fetch requests that named all their partitions: no session, or a new one.',
    )
    this.polledBytes = counter('polled_bytes_total', 'Bytes of batches that poll returned.')
    this.bufferedBytes = metrics.gauge('millrace_client_buffered_bytes', 'Bytes fetched and not yet polled.', of)
    this.rebalances = counter('rebalances_total', 'Rounds of the group that this member took part in.')
    this.rebalanceSeconds = seconds('rebalance_seconds', 'From joining a round to its assignment.')
    this.lostAssignments = counter('lost_assignments_total', 'Times the membership ended without a revocation.')
    this.commits = counter('commits_total', 'Commits of positions that the coordinator took.')
    this.failedCommits = counter('failed_commits_total', 'Commits of positions that were refused or got no answer.')
    this.commitSeconds = seconds('commit_seconds', 'From a commit to its answer.')
    this.truncations = counter('truncations_total', 'Positions behind which the log lost what was read.')
    this.resets = counter('position_resets_total', 'Positions that were gone and were reset by autoOffsetReset.')
    this.interceptorFailures = counter('interceptor_failures_total', 'Calls of interceptors that threw.')
  }

  /** Records between the position and the end, of one partition; NaN once it is read here no longer. */
  lag({ topic, partition }: TopicPartition): Gauge {
    const help = 'Records between the position and the end of a partition.'
    const labels = { group: this.#group, topic, partition: `${partition}` }
    return this.#metrics.gauge('millrace_client_lag_records', help, labels)
  }
}
