import type { KafkaErrorCode } from '@millrace/kernel'
import type { SimRandom } from '@millrace/kernel/sim'
import { type ClientVersion, type Sender, TransactionalProducer } from './transactional-producer.ts'

export const places = [
  { topic: 'out', partition: 0 },
  { topic: 'out', partition: 1 },
  { topic: 'other', partition: 0 },
] as const

/** What is known of a transaction from the answers its producer got. */
export interface Attempt {
  readonly value: string
  readonly number: number
  /** Indexes into `places`, in the order of the writes; one may stand twice. */
  readonly writes: readonly number[]
  readonly commitsOffset: boolean
  readonly commits: boolean
  outcome: 'open' | 'ending' | 'committed' | 'aborted'
}

/** A producer at work: one transaction after another, until its broker is gone; then it goes on or is replaced. */
export class TransactionWriter {
  readonly name: string
  readonly attempts: Attempt[] = []
  readonly #random: SimRandom
  readonly #version: ClientVersion
  #producer: TransactionalProducer | undefined
  #number = 0
  /** Steps of the open transaction that were answered. */
  #done = 0

  constructor(name: string, version: ClientVersion, random: SimRandom) {
    this.name = name
    this.#version = version
    this.#random = random
  }

  /** Takes steps for ever. */
  async run(bench: Sender): Promise<void> {
    if (this.#producer === undefined) {
      const producer = new TransactionalProducer(bench, this.name, this.#version)
      this.#check(await producer.init())
      this.#producer = producer
    }
    this.#producer.bench = bench
    for (;;) await this.#step(this.#producer)
  }

  /** Its place is taken by another one with the same transactional id. */
  async replace(bench: Sender): Promise<void> {
    this.#producer = new TransactionalProducer(bench, this.name, this.#version)
    this.#check(await this.#producer.init())
    const last = this.attempts.at(-1)
    if (last?.outcome === 'open') last.outcome = 'aborted'
    this.#done = 0
  }

  /** Finishes the transaction that the loss of the broker interrupted. */
  async finish(bench: Sender): Promise<void> {
    if (this.#producer === undefined) return await this.replace(bench)
    this.#producer.bench = bench
    while (this.#current !== undefined) await this.#step(this.#producer)
  }

  get #current(): Attempt | undefined {
    const last = this.attempts.at(-1)
    return last?.outcome === 'open' || last?.outcome === 'ending' ? last : undefined
  }

  async #step(producer: TransactionalProducer): Promise<void> {
    const attempt = this.#current ?? this.#begin()
    const place = attempt.writes[this.#done]
    if (place !== undefined) {
      const { topic, partition } = places[place] ?? places[0]
      this.#check(await producer.send(topic, partition, [attempt.value]))
      this.#done++
    } else if (attempt.commitsOffset && this.#done === attempt.writes.length) {
      this.#check(await producer.commitOffset(this.name, 'out', attempt.number))
      this.#done++
    } else {
      attempt.outcome = 'ending'
      this.#check(await producer.end(attempt.commits))
      attempt.outcome = attempt.commits ? 'committed' : 'aborted'
      this.#done = 0
    }
  }

  #check(code: KafkaErrorCode): void {
    if (code !== 'NONE') throw new Error(`${this.name} at step ${this.#done}: ${code}`)
  }

  #begin(): Attempt {
    const random = this.#random
    const number = ++this.#number
    const writes = Array.from({ length: random.integer(4) }, () => random.integer(places.length))
    const commitsOffset = writes.length === 0 || random.integer(2) === 0
    const value = `${this.name}:${number}`
    const attempt: Attempt = { value, number, writes, commitsOffset, commits: random.integer(4) > 0, outcome: 'open' }
    this.attempts.push(attempt)
    this.#done = 0
    return attempt
  }
}
