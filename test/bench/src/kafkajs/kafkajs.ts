import { Buffer } from 'node:buffer'
import * as millrace from '@millrace/kafkajs'
import kafkajs from 'kafkajs'
import type { Benchmark, Contender } from '../benchmark.ts'
import { type Child, startChild } from '../child.ts'
import type { BrokerAnswer } from './broker-process.ts'

type Library = Pick<typeof kafkajs, 'Kafka' | 'logLevel'>

const libraries: readonly { readonly name: string; readonly library: Library }[] = [
  { name: '@millrace/kafkajs', library: millrace },
  { name: 'kafkajs 2.2.4', library: kafkajs },
]

const valueBytes = 100
const sendMessages = 1_000
const sends = 50
const consumed = 500_000
const topic = 'bench'

/** The same program, with the one library or the other. */
function benchmark(
  what: string,
  units: number,
  contend: (server: Server, library: Library) => Promise<Work>,
): Benchmark {
  return {
    name: what,
    unit: 'records',
    unitsPerRun: units,
    bytesPerUnit: valueBytes,
    async contenders(): Promise<readonly Contender[]> {
      const server = await Server.start()
      let open = libraries.length
      return Promise.all(
        libraries.map(async ({ name, library }) => {
          const { run, close } = await contend(server, library)
          return {
            name,
            run,
            async close() {
              await close()
              if (--open === 0) await server.end()
            },
          }
        }),
      )
    },
  }
}

interface Work {
  run(): Promise<void>
  close(): Promise<void>
}

class Server {
  readonly #child: Child<BrokerAnswer>
  readonly address: string

  static async start(): Promise<Server> {
    const child = startChild<null, BrokerAnswer>(new URL('./broker-process.js', import.meta.url), null)
    const server = new Server(child, (await child.answer).port)
    const admin = server.kafka(millrace).admin()
    await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
    await admin.disconnect()
    return server
  }

  private constructor(child: Child<BrokerAnswer>, port: number) {
    this.#child = child
    this.address = `127.0.0.1:${port}`
  }

  kafka({ Kafka, logLevel }: Library) {
    return new Kafka({ brokers: [this.address], clientId: 'bench', logLevel: logLevel.NOTHING })
  }

  end(): Promise<void> {
    return this.#child.end()
  }
}

function messages(count: number): { key: string; value: Buffer }[] {
  return Array.from({ length: count }, (_, i) => ({ key: `${i}`, value: Buffer.alloc(valueBytes, 'v') }))
}

async function producing(server: Server, library: Library): Promise<Work> {
  const createPartitioner = kafkajs.Partitioners.DefaultPartitioner
  const producer = server.kafka(library).producer({ createPartitioner })
  await producer.connect()
  const batch = { topic, acks: 1, messages: messages(sendMessages) }
  return {
    async run() {
      for (let i = 0; i < sends; i++) await producer.send(batch)
    },
    close: () => producer.disconnect(),
  }
}

let groups = 0

/** A member that joins, reads all and leaves, again and again. */
function consuming(hand: 'eachMessage' | 'eachBatch') {
  return async (server: Server, library: Library): Promise<Work> => {
    await fill(server)
    return {
      async run() {
        const consumer = server.kafka(library).consumer({ groupId: `group-${groups++}`, maxWaitTimeInMs: 100 })
        await consumer.subscribe({ topics: [topic], fromBeginning: true })
        let left = consumed
        await new Promise<void>((resolve, reject) => {
          const took = (count: number): void => {
            left -= count
            if (left <= 0) resolve()
          }
          const handlers =
            hand === 'eachMessage'
              ? { eachMessage: async () => took(1) }
              : { eachBatch: async ({ batch }: { batch: { messages: unknown[] } }) => took(batch.messages.length) }
          consumer.run(handlers).catch(reject)
        })
        await consumer.disconnect()
      },
      close: async () => {},
    }
  }
}

const filled = new Map<Server, Promise<void>>()

/** What is read: sent once, for all contenders. */
function fill(server: Server): Promise<void> {
  let filling = filled.get(server)
  if (filling === undefined) {
    filling = send(server)
    filled.set(server, filling)
  }
  return filling
}

async function send(server: Server): Promise<void> {
  const producer = server.kafka(millrace).producer()
  await producer.connect()
  const batch = { topic, messages: messages(10_000) }
  for (let sent = 0; sent < consumed; sent += batch.messages.length) await producer.send(batch)
  await producer.disconnect()
}

export const kafkajsBenchmarks: readonly Benchmark[] = [
  benchmark(`send, ${sendMessages} messages of ${valueBytes} B each, acks 1`, sends * sendMessages, producing),
  benchmark('eachMessage, a fresh group', consumed, consuming('eachMessage')),
  benchmark('eachBatch, a fresh group', consumed, consuming('eachBatch')),
]
