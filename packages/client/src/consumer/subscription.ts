import { type Gauge, messageOf, type Timer } from '@millrace/kernel'
import type { Cluster } from '../cluster/cluster.ts'
import { assertTopicName } from '../cluster/topic-name.ts'

/** Looked at again while a topic of a list does not exist or no broker answers. */
const againMs = 1_000

export interface SubscriptionEvents {
  /** The topics are known, or others than before. */
  changed(): void
}

/**
 * What a consumer wants to read: a list of names, or a pattern that is matched against the cluster's topics again and again. Topics of a
 * list that do not exist are looked for, logged once and counted in `millrace_client_unknown_topics`.
 */
export class Subscription {
  readonly #cluster: Cluster
  readonly #pattern: RegExp | undefined
  readonly #events: SubscriptionEvents
  readonly #unknown: Gauge
  readonly #told = new Set<string>()
  readonly #stop: () => void
  #topics: readonly string[] | undefined
  #timer: Timer | undefined
  #closed = false

  /** @throws INVALID_TOPIC_EXCEPTION for a name that no topic can have. */
  constructor(
    cluster: Cluster,
    wanted: readonly string[] | RegExp,
    group: string,
    create: boolean,
    events: SubscriptionEvents,
  ) {
    if (!(wanted instanceof RegExp)) for (const name of wanted) assertTopicName(name)
    this.#cluster = cluster
    this.#events = events
    this.#pattern = wanted instanceof RegExp ? wanted : undefined
    const help = 'Topics that are subscribed to and do not exist.'
    this.#unknown = cluster.ports.metrics.gauge('millrace_client_unknown_topics', help, { group })
    if (!(wanted instanceof RegExp)) {
      this.#topics = [...new Set(wanted)]
      cluster.track(this.#topics, create)
    }
    this.#stop = cluster.onRefresh(() => this.#tellUnknown())
    if (this.#pattern !== undefined) void this.#match()
    else this.#tellUnknown()
  }

  /** undefined: a pattern whose topics are not known yet. */
  get topics(): readonly string[] | undefined {
    return this.#topics
  }

  close(): void {
    this.#closed = true
    this.#stop()
    this.#timer?.cancel()
  }

  async #match(): Promise<void> {
    let nextMs = this.#cluster.metadataMaxAgeMs
    try {
      const names = (await this.#cluster.listTopics()).filter(({ internal }) => !internal).map(({ name }) => name)
      if (this.#closed) return
      const matching = names.filter((name) => this.#matches(name)).sort()
      const before = this.#topics
      this.#topics = matching
      this.#cluster.track(matching)
      if (before?.join() !== matching.join()) this.#events.changed()
    } catch (error) {
      if (this.#closed) return
      this.#cluster.ports.log.warn('the topics of a pattern could not be listed', { error: messageOf(error) })
      nextMs = againMs
    }
    this.#timer = this.#cluster.ports.clock.after(nextMs, () => void this.#match(), 'background')
  }

  #matches(name: string): boolean {
    const { source, flags } = this.#pattern ?? /(?:)/
    return new RegExp(source, flags.replace(/[gy]/g, '')).test(name) // a global one would go on where it stopped
  }

  #tellUnknown(): void {
    const missing = (this.#topics ?? []).filter((name) => this.#cluster.topicError(name) !== undefined)
    this.#unknown.set(missing.length)
    for (const name of this.#told) if (!missing.includes(name)) this.#told.delete(name)
    for (const topic of missing) {
      if (this.#told.has(topic)) continue
      this.#told.add(topic)
      const error = this.#cluster.topicError(topic)
      this.#cluster.ports.log.warn('a topic that is subscribed to is not there; it is looked for', { topic, error })
    }
  }
}
