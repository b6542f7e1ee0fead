import type { Buffer } from 'node:buffer'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Admin, CompressionTypes, Consumer, Kafka, Producer } from 'kafkajs'
import { BrokerProcess, type Server } from '../broker.ts'
import { LineProcess } from '../line-process.ts'
import { type Library, type LibraryName, libraryNamed } from './library.ts'

/** One record as kafkajs gave it. */
export interface Got {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

/** Given out by all worlds of the process. */
let names = 0

/** A broker, a library for it, and everything that a case opens: closed again in `tidy`. */
export class World {
  readonly broker: Server
  readonly library: Library
  readonly #libraryName: LibraryName
  readonly #open: (() => Promise<unknown>)[] = []

  constructor(libraryName: LibraryName = 'kafkajs', broker: Server = new BrokerProcess()) {
    this.#libraryName = libraryName
    this.library = libraryNamed(libraryName)
    this.broker = broker
  }

  get kafka(): Kafka {
    return new this.library.Kafka({
      clientId: 'conformance',
      brokers: [this.broker.address],
      logLevel: this.library.logLevel.NOTHING,
      retry: { initialRetryTime: 50, retries: 20, maxRetryTime: 1000 },
    })
  }

  /** A name that no other case uses, nor another run against the same server. */
  name(what: string): string {
    return `${what}-${process.pid}-${++names}`
  }

  async admin(options: Parameters<Kafka['admin']>[0] = {}): Promise<Admin> {
    const admin = this.kafka.admin(options)
    await admin.connect()
    this.#open.push(() => admin.disconnect())
    return admin
  }

  async producer(options: Parameters<Kafka['producer']>[0] = {}): Promise<Producer> {
    const producer = this.kafka.producer({
      createPartitioner: this.library.Partitioners.DefaultPartitioner,
      ...options,
    })
    await producer.connect()
    this.#open.push(() => producer.disconnect())
    return producer
  }

  async consumer(groupId: string, options: Partial<Parameters<Kafka['consumer']>[0]> = {}): Promise<Consumer> {
    // kafkajs beats its heart between fetches only: a session must outlast the longest wait.
    const consumer = this.kafka.consumer({ groupId, maxWaitTimeInMs: 200, ...options })
    await consumer.connect()
    this.#open.push(() => consumer.disconnect())
    return consumer
  }

  member(groupId: string, topic: string): LineProcess {
    const args = [this.#libraryName, this.broker.address, groupId, topic]
    const member = new LineProcess(new URL('./group-member.js', import.meta.url), args)
    this.#open.push(() => member.kill())
    return member
  }

  async topic(numPartitions = 1): Promise<string> {
    const topic = this.name('topic')
    const admin = await this.admin()
    await admin.createTopics({ topics: [{ topic, numPartitions }], waitForLeaders: true })
    await this.#served(topic)
    return topic
  }

  /** Apache Kafka's brokers hear of a topic a moment after it was made, and lead its partitions another one later. */
  async #served(topic: string): Promise<void> {
    const admin = await this.admin({ retry: { retries: 0 } })
    for (;;) {
      try {
        await admin.fetchTopicMetadata({ topics: [topic] })
        await admin.fetchTopicOffsets(topic)
        return
      } catch (error) {
        const { KafkaJSProtocolError, KafkaJSNumberOfRetriesExceeded } = this.library
        const passes = error instanceof KafkaJSProtocolError || error instanceof KafkaJSNumberOfRetriesExceeded
        if (!passes) throw error
        await sleep(20)
      }
    }
  }

  /** Until a group can be joined and a transaction be made: a server that has just started makes and loads its logs. */
  async ready(): Promise<void> {
    const topic = await this.topic(1)
    const producer = await this.producer({ transactionalId: this.name('tx'), maxInFlightRequests: 1, idempotent: true })
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'v' }] })
    await transaction.commit()
    await this.take(topic, 1)
    await this.tidy()
  }

  async send(topic: string, values: readonly string[], compression?: CompressionTypes): Promise<void> {
    const producer = await this.producer()
    const messages = values.map((value) => ({ value }))
    await producer.send({ topic, messages, ...(compression === undefined ? {} : { compression }) })
  }

  /** The first `count` records that a fresh member of the group gets, in the order of their coming. Then it leaves. */
  async take(topic: string, count: number, groupId = this.name('group')): Promise<Got[]> {
    const consumer = await this.consumer(groupId)
    await consumer.subscribe({ topic, fromBeginning: true })
    const got: Got[] = []
    await new Promise<void>((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      const run = consumer.run({
        eachMessage: async ({ partition, message }) => {
          if (got.length === count) return
          const headers = Object.entries(message.headers ?? {}).map(([name, value]) => [name, `${value}`])
          const { key, value, offset } = message
          got.push({
            partition,
            offset: Number(offset),
            key: textOf(key),
            value: textOf(value),
            headers: Object.fromEntries(headers),
          })
          if (got.length === count) resolve()
        },
      })
      run.catch(reject)
    })
    await consumer.disconnect()
    return got
  }

  /** Closes what the last case opened. */
  async tidy(): Promise<void> {
    for (const close of this.#open.splice(0).reverse()) await close()
  }
}

function textOf(bytes: Buffer | null): string | null {
  return bytes === null ? null : bytes.toString()
}
