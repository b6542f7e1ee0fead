import { setTimeout as sleep } from 'node:timers/promises'
import {
  Admin,
  type ConsumeOptions,
  Consumer,
  type ConsumerOptions,
  type GroupOptions,
  type MessagesStream,
  Producer,
  type ProducerOptions,
  stringDeserializers,
  stringSerializers,
  UserError,
} from '@platformatic/kafka'
import type { Server } from '../broker.ts'
import { Notes } from '../notes.ts'

type Strings<T> = Partial<Omit<T, 'clientId' | 'bootstrapBrokers'>>
export type StringProducer = Producer<string, string, string, string>
export type StringConsumer = Consumer<string, string, string, string>
type StringConsumerOptions = Strings<ConsumerOptions<string, string, string, string>> & GroupOptions
type StringConsumeOptions = Partial<ConsumeOptions<string, string, string, string>>

/** One record as @platformatic/kafka gave it. */
export interface Got {
  readonly partition: number
  readonly offset: number
  readonly key: string | null | undefined
  readonly value: string | null | undefined
  readonly headers: Readonly<Record<string, string>>
}

/** A member of a group, and what it has got so far. */
export interface Reading {
  readonly consumer: StringConsumer
  readonly stream: MessagesStream<string, string, string, string>
  readonly records: Notes<Got>
}

/** Who leads a partition is not known everywhere yet. */
const passing = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE', 'NOT_LEADER_OR_FOLLOWER'])

/** Given out by all worlds of the process. */
let names = 0

/** A broker, and everything that a case opens with @platformatic/kafka: closed again in `tidy`. */
export class World {
  readonly broker: Server
  readonly #open: (() => Promise<unknown>)[] = []

  constructor(broker: Server) {
    this.broker = broker
  }

  get #base() {
    // What passes is waited for, for some 25 s, also on a machine that has a lot to do.
    const retryDelay = (_: unknown, __: string, attempt: number) => Math.min(1000, 50 * attempt)
    return { clientId: 'conformance', bootstrapBrokers: [this.broker.address], retryDelay, retries: 40 }
  }

  /** A name that no other case uses. */
  name(what: string): string {
    return `${what}-platformatic-${process.pid}-${++names}`
  }

  /** To be closed in `tidy`, the last first. */
  opened(close: () => Promise<unknown>): void {
    this.#open.push(close)
  }

  admin(retries = 40): Admin {
    const admin = new Admin({ ...this.#base, retries })
    this.opened(() => admin.close())
    return admin
  }

  producer(options: Strings<ProducerOptions<string, string, string, string>> = {}): StringProducer {
    const producer = new Producer({ ...this.#base, serializers: stringSerializers, ...options })
    this.opened(async () => producer.close(true))
    return producer
  }

  consumer(groupId = this.name('group'), options: StringConsumerOptions = {}): StringConsumer {
    const all = { ...this.#base, deserializers: stringDeserializers, maxWaitTime: 100, ...options }
    const consumer = new Consumer<string, string, string, string>({ ...all, groupId })
    this.opened(async () => consumer.close(true))
    return consumer
  }

  /** A consumer that reads the topics from their beginning, or from where its group is. */
  async read(topics: readonly string[], consumer = this.consumer(), options: StringConsumeOptions = {}) {
    const stream = await consumer.consume({
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: true,
      ...options,
      topics: [...topics],
    })
    const records = new Notes<Got>()
    stream.on('data', ({ partition, offset, key, value, headers }) => {
      records.add({ partition, offset: Number(offset), key, value, headers: Object.fromEntries(headers) })
    })
    stream.on('error', (error) => records.fail(error))
    const reading: Reading = { consumer, stream, records }
    return reading
  }

  async topic(partitions = 1): Promise<string> {
    const topic = this.name('topic')
    await this.admin().createTopics({ topics: [topic], partitions, replicas: 1 })
    await this.served(topic)
    return topic
  }

  /** Apache Kafka's brokers hear of a topic a moment after it was made, and lead its partitions another one later. */
  async served(topic: string): Promise<void> {
    const admin = this.admin(0)
    for (;;) {
      try {
        const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true })
        const ends = Array.from({ length: topics.get(topic)?.partitionsCount ?? 0 }, (_, partitionIndex) => ({
          partitionIndex,
          timestamp: -1n,
        }))
        await admin.listOffsets({ topics: [{ name: topic, partitions: ends }] })
        return
      } catch (error) {
        if (!(error instanceof UserError) && !kafkaErrors(error).some((name) => passing.has(name))) throw error
        await sleep(20)
      }
    }
  }

  async send(topic: string, values: readonly string[], partitions = 1): Promise<void> {
    const messages = values.map((value, i) => ({ topic, value, partition: i % partitions }))
    await this.producer().send({ messages })
  }

  /** The first `count` records of the topic, as a fresh group reads them. */
  async take(topic: string, count: number, options: StringConsumeOptions = {}): Promise<readonly Got[]> {
    const { consumer, records } = await this.read([topic], this.consumer(), options)
    const got = await records.until(count)
    await consumer.close(true)
    return got.slice(0, count)
  }

  async values(topic: string, count: number, options: StringConsumeOptions = {}): Promise<unknown[]> {
    return (await this.take(topic, count, options)).map(({ value }) => value)
  }

  /** Closes what the last case opened. */
  async tidy(): Promise<void> {
    for (const close of this.#open.splice(0).reverse()) await close()
  }
}

/** A case throws when @platformatic/kafka does not get what it gets from Apache Kafka. */
export type Case = (world: World) => Promise<void>

/** The errors of Kafka anywhere inside an error of @platformatic/kafka, by name. */
export function kafkaErrors(error: unknown): string[] {
  if (!(error instanceof Error)) return []
  const own = 'apiId' in error && typeof error.apiId === 'string' ? [error.apiId] : []
  const inner = error instanceof AggregateError ? error.errors : []
  return [...own, ...inner.flatMap(kafkaErrors), ...kafkaErrors(error.cause)]
}

/** For `rejects`: the error is Kafka's of that name. */
export function is(name: string): (error: unknown) => true {
  return (error) => {
    const errors = kafkaErrors(error)
    if (!errors.includes(name)) throw new Error(`not ${name} but ${errors.join(', ')}`, { cause: error })
    return true
  }
}
