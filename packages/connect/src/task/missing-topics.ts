import type { Admin } from '@millrace/client'
import type { Clock } from '@millrace/kernel'

/** What is used of an admin. */
export type TopicAdmin = Pick<Admin, 'describeTopics' | 'close'>

/** Those of `topics` that do not exist. @throws ABORTED by the signal */
export async function missingTopics(
  admin: TopicAdmin,
  topics: readonly string[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const known = new Set((await admin.describeTopics(topics, { signal })).map(({ name }) => name))
  return topics.filter((topic) => !known.has(topic))
}

export function missingText(topics: readonly string[]): string {
  return topics.length === 1 ? `topic ${topics[0]} does not exist` : `topics ${topics.join(', ')} do not exist`
}

/** The commands that make them. @param address of the cluster, where it is known */
export function makingText(topics: readonly string[], address: string | undefined): string {
  const where = address === undefined ? '' : ` --bootstrap ${address}`
  return topics.map((topic) => `millrace topics create ${topic}${where}`).join('; ')
}

const lookEveryMs = 1000

/**
 * Looks now and then which topics of a sink do not exist yet. Its consumer looks for them by itself; this is for those
 * who look at the status.
 */
export class TopicWatch {
  readonly #admin: TopicAdmin
  readonly #clock: Clock
  readonly #topics: readonly string[]
  readonly #address: string | undefined
  readonly #tell: (reason: string | undefined) => void
  #missing = ''
  #nextMs = Number.NEGATIVE_INFINITY
  #looking: Promise<void> | undefined
  readonly #ended = new AbortController()

  /** @param tell what is missing and how to make it; undefined: nothing any more */
  constructor(
    admin: TopicAdmin,
    clock: Clock,
    topics: readonly string[],
    address: string | undefined,
    tell: (reason: string | undefined) => void,
  ) {
    this.#admin = admin
    this.#clock = clock
    this.#topics = topics
    this.#address = address
    this.#tell = tell
  }

  /** Once all are there there is no more to look for. Holds nobody up. */
  look(): void {
    if (this.#looking !== undefined || this.#clock.monotonicMs() < this.#nextMs) return
    this.#looking = this.#ask()
      .then((missing) => {
        this.#nextMs = missing === '' ? Number.POSITIVE_INFINITY : this.#clock.monotonicMs() + lookEveryMs
        if (missing !== this.#missing) this.#tell(missing === '' ? undefined : missing)
        this.#missing = missing
      })
      .catch(() => {
        // The consumer has its own trouble with the brokers then, and tells of it.
        this.#nextMs = this.#clock.monotonicMs() + lookEveryMs
      })
      .finally(() => {
        this.#looking = undefined
      })
  }

  async #ask(): Promise<string> {
    const missing = await missingTopics(this.#admin, this.#topics, this.#ended.signal)
    if (missing.length === 0) return ''
    return `${missingText(missing)}. Make it: ${makingText(missing, this.#address)}`
  }

  /** Waits for no broker. */
  async close(): Promise<void> {
    this.#ended.abort()
    await this.#admin.close()
    await this.#looking
  }
}
