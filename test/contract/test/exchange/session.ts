import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ApiName, Partially, RequestOf } from '@millrace/protocol/internal'
import type { ServerUnderTest } from '../servers.ts'
import { type KeyAndValue, keysAndValues } from './batches.ts'
import { type Answer, RawConnection } from './raw-connection.ts'
import { Normaliser, type Transcript } from './transcript.ts'

/** Still loading, or moving: both servers say so at times, and asking again is what every client does. */
const passing = new Set([5, 6, 14, 15, 16, 51])
const patienceMs = 15_000
const brieflyMs = 1000
const keptWaiting = 'kept waiting'

export interface AskOptions {
  /** Over another connection than the first. */
  readonly over?: RawConnection
  /** The answer is looked at, not written down. */
  readonly quiet?: boolean
  /** Asked again until it is true of the answer. */
  readonly until?: (answer: unknown) => boolean
}

/** One case's conversation with one server, and the transcript of it. */
export class Session {
  readonly server: ServerUnderTest
  readonly transcript: Transcript = {}
  /** Now, for records: retention would take records of long ago. */
  readonly nowMs = Date.now() - 10_000
  readonly #normaliser = new Normaliser(this.nowMs)
  readonly #connections: RawConnection[] = []
  readonly #unique = randomBytes(5).toString('hex')
  readonly #pending: Promise<unknown>[] = []

  /** What Apache Kafka is known to answer: which questions it keeps waiting. */
  readonly #expected: Transcript

  constructor(server: ServerUnderTest, expected: Transcript = {}) {
    this.server = server
    this.#expected = expected
  }

  /** A name that nobody else uses; in the transcript it stands as `<label>`. */
  name(label: string): string {
    const unique = `${label}-${this.#unique}`
    this.#normaliser.name(unique, `<${label}>`)
    return unique
  }

  /** A time that both servers see as `T+delta`. */
  time(deltaMs = 0): number {
    const value = this.nowMs + deltaMs
    this.#normaliser.time(value, deltaMs < 0 ? `T${deltaMs}` : `T+${deltaMs}`)
    return value
  }

  async connection(clientId?: string): Promise<RawConnection> {
    const connection = await RawConnection.connect(this.server.address, clientId)
    this.#connections.push(connection)
    return connection
  }

  async #first(): Promise<RawConnection> {
    const [first] = this.#connections
    if (first !== undefined && !first.closed) return first
    const connection = await RawConnection.connect(this.server.address)
    if (first !== undefined) this.#connections.shift()
    this.#connections.unshift(connection)
    return connection
  }

  /** Asks, and writes the answer down under `step`. The place in the transcript is that of the question. */
  async ask<A extends ApiName>(
    step: string,
    api: A,
    version: number,
    request: Partially<RequestOf<A>>,
    options: AskOptions = {},
  ): Promise<Answer<A>> {
    const key = `${step} · ${api} v${version}`
    if (options.quiet !== true) {
      if (key in this.transcript) throw new Error(`two steps are called ${key}`)
      this.transcript[key] = 'not answered'
    }
    const answering = this.#answered(api, version, request, options)
    this.#pending.push(answering.catch(() => {}))
    const answer = await answering
    if (options.quiet !== true) this.transcript[key] = this.#normaliser.answer(api, answer)
    return answer
  }

  async #answered<A extends ApiName>(
    api: A,
    version: number,
    request: Partially<RequestOf<A>>,
    { over, until }: AskOptions,
  ): Promise<Answer<A>> {
    const deadline = Date.now() + patienceMs
    for (;;) {
      const connection = over ?? (await this.#first())
      const answer = await connection.ask(api, version, request)
      const again = until === undefined ? hasPassingError(answer) : !until(answer)
      if (!again || Date.now() > deadline) return answer
      await sleep(20)
    }
  }

  /**
   * As `ask`, of a question that may well be kept waiting: after a while that is what is written down. One that is known
   * to be answered is waited for.
   */
  async askBriefly<A extends ApiName>(
    step: string,
    api: A,
    version: number,
    request: Partially<RequestOf<A>>,
    over: RawConnection,
  ): Promise<void> {
    const key = `${step} · ${api} v${version}`
    const answered = this.ask(step, api, version, request, { over })
    const expected = this.#expected[key] ?? keptWaiting
    const first = await Promise.race(expected === keptWaiting ? [answered, sleep(brieflyMs, keptWaiting)] : [answered])
    if (first !== keptWaiting) return
    answered.finally(() => {
      this.transcript[key] = first
    })
    await Promise.resolve()
    this.transcript[key] = first
  }

  /** The same question in every version that the server offers, or in those of them from `min` to `max`. */
  async everyVersion<A extends ApiName>(
    step: string,
    api: A,
    request:
      | Partially<RequestOf<A>>
      | ((version: number) => Partially<RequestOf<A>> | Promise<Partially<RequestOf<A>>>),
    { min = 0, max = 99 }: { readonly min?: number; readonly max?: number } = {},
  ): Promise<void> {
    for (const version of (await this.#first()).versionsOf(api)) {
      if (version < min || version > max) continue
      await this.ask(step, api, version, typeof request === 'function' ? await request(version) : request)
    }
  }

  /** The newest version of an API that both have, at most `max`. */
  async newest(api: ApiName, max = 99): Promise<number> {
    const version = (await this.#first()).versionsOf(api).findLast((offered) => offered <= max)
    if (version === undefined) throw new Error(`${this.server.name} has no ${api}`)
    return version
  }

  /** Writes down something that is no answer: what a client returned, how it failed. */
  note(step: string, value: unknown): void {
    if (step in this.transcript) throw new Error(`two steps are called ${step}`)
    this.transcript[step] = this.#normaliser.plain(value)
  }

  /** A fresh topic, ready for use. */
  async topic(
    label: string,
    { partitions = 1, configs = {} }: { partitions?: number; configs?: Readonly<Record<string, string>> } = {},
  ): Promise<string> {
    const name = this.name(label)
    const request = {
      topics: [
        {
          name,
          numPartitions: partitions,
          replicationFactor: 1,
          configs: Object.entries(configs).map(([config, value]) => ({ name: config, value })),
        },
      ],
      timeoutMs: 10_000,
    }
    const made = await this.ask('', 'createTopics', 5, request, { quiet: true })
    const code = made === 'closed' ? -1 : made.topics[0]?.errorCode
    if (code !== 0) throw new Error(`${this.server.name} does not create ${label}: ${JSON.stringify(made)}`)
    await this.ready(name)
    return name
  }

  /** Waits until every partition of a topic has a leader that knows of it, which it hears a moment after the others. */
  async ready(name: string): Promise<void> {
    const isReady = (answer: unknown): boolean => /"leaderId"/.test(JSON.stringify(answer)) && !hasError(answer)
    const asked = { topics: [{ name }], allowAutoTopicCreation: false }
    const answer = await this.ask('', 'metadata', 9, asked, { quiet: true, until: isReady })
    const found = answer === 'closed' ? [] : (answer.topics[0]?.partitions ?? [])
    const partitions = found.map(({ partitionIndex }) => ({ partitionIndex, timestamp: -1 }))
    const ends = { replicaId: -1, topics: [{ name, partitions }] }
    await this.ask('', 'listOffsets', 4, ends, { quiet: true, until: (given) => !hasError(given) })
  }

  async topicId(name: string): Promise<string> {
    const answer = await this.ask('', 'metadata', 12, { topics: [{ name }] }, { quiet: true })
    return answer === 'closed' ? '' : (answer.topics[0]?.topicId ?? '')
  }

  /** Sends a batch and returns its base offset. @throws when it is refused. */
  async append(topic: string, partition: number, records: Buffer): Promise<number> {
    const request = {
      acks: -1,
      timeoutMs: 5000,
      topicData: [{ name: topic, partitionData: [{ index: partition, records }] }],
    }
    const answer = await this.ask('', 'produce', 8, request, { quiet: true })
    const done = answer === 'closed' ? undefined : answer.responses[0]?.partitionResponses[0]
    if (done?.errorCode !== 0) throw new Error(`${this.server.name} refuses: ${JSON.stringify(answer)}`)
    return done.baseOffset
  }

  /** Keys and values of fetched bytes. */
  recordsOf(bytes: Buffer | null): readonly KeyAndValue[] {
    return bytes === null ? [] : keysAndValues(bytes)
  }

  /** Waits until `holds`, by asking anew. */
  async eventually(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadline = Date.now() + patienceMs
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`${this.server.name}: ${what} does not come true`)
      await sleep(20)
    }
  }

  async end(): Promise<void> {
    for (const connection of this.#connections) connection.close()
    await Promise.all(this.#pending)
  }
}

function hasPassingError(value: unknown): boolean {
  return errorCodes(value).some((code) => passing.has(code))
}

function hasError(value: unknown): boolean {
  return errorCodes(value).some((code) => code !== 0)
}

function errorCodes(value: unknown): number[] {
  if (Array.isArray(value)) return value.flatMap(errorCodes)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    /errorCode$/i.test(name) && typeof inner === 'number' ? [inner] : errorCodes(inner),
  )
}
