import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import { recordsOf } from '@millrace/client'
import { BatchCursor, bytesOut } from '@millrace/record/internal'
import { Consumer, MessagesStreamModes, ProduceAcks, Producer } from '@platformatic/kafka'
import kafkajs from 'kafkajs'
import { openClient } from './open-client.ts'

export interface ClientOrder {
  readonly by: NodeClientName
  readonly bootstrap: string
  readonly topic: string
  readonly records: number
}

/** One way of a client to do one thing. */
export interface NodeClient {
  /** Sends so many records of 100 B in thousands, each thousand acknowledged by all before the next. */
  produce(order: ClientOrder): Promise<Work>
  /** Reads so many records from the beginning in a new group, and looks at each record's value. */
  consume(order: ClientOrder): Promise<Work>
}

/** Connected and warm. */
export interface Work {
  run(): Promise<void>
  close(): Promise<void>
}

export type NodeClientName = 'ours' | 'ours, records as objects' | 'kafkajs' | 'platformatic'

const thousand = 1000
const value = Buffer.alloc(100, 'value ')

export const nodeClients: Readonly<Record<NodeClientName, NodeClient>> = {
  ours: { produce: (order) => ours(order, 'append'), consume: (order) => oursReads(order, 'cursor') },
  'ours, records as objects': {
    produce: (order) => ours(order, 'send'),
    consume: (order) => oursReads(order, 'objects'),
  },
  kafkajs: { produce: kafkajsSends, consume: kafkajsReads },
  platformatic: { produce: platformaticSends, consume: platformaticReads },
}

/** Runs `batch` for so many records, and once before for a tenth of them. */
async function inThousands(records: number, batch: () => Promise<unknown>, close: () => Promise<void>): Promise<Work> {
  const send = async (count: number): Promise<void> => {
    for (let sent = 0; sent < count; sent += thousand) await batch()
  }
  await send(Math.max(thousand, Math.floor(records / 4)))
  return { run: () => send(records), close }
}

async function ours({ bootstrap, topic, records }: ClientOrder, how: 'append' | 'send'): Promise<Work> {
  const client = openClient(bootstrap)
  const producer = client.producer({ acks: 'all' })
  const to = await producer.open(topic)
  const append = (): Promise<void> => {
    const nowMs = Date.now()
    for (let i = 0; i < thousand; i++) producer.append(to, -1, nowMs, null, bytesOut, value, bytesOut, null)
    return producer.flush()
  }
  const send = () => Promise.all(Array.from({ length: thousand }, () => producer.send({ topic, value })))
  return inThousands(records, how === 'append' ? append : send, () => client.close())
}

async function oursReads({ bootstrap, topic, records }: ClientOrder, how: 'cursor' | 'objects'): Promise<Work> {
  const client = openClient(bootstrap)
  const open = () => {
    const consumer = client.consumer({ groupId: newGroup(), autoOffsetReset: 'earliest' })
    consumer.subscribe([topic])
    return consumer
  }
  const cursor = new BatchCursor()
  const read = async (count: number): Promise<void> => {
    const consumer = open()
    let seen = 0
    let bytes = 0
    while (seen < count) {
      const polled = await consumer.poll({ timeoutMs: 1000 })
      if (how === 'objects') {
        for (const record of recordsOf(polled)) {
          bytes += record.value?.length ?? 0
          seen++
        }
        continue
      }
      for (const { batch } of polled) {
        cursor.open(batch)
        while (cursor.next()) {
          bytes += cursor.valueTo - cursor.valueFrom
          seen++
        }
      }
    }
    check(seen, bytes)
    await consumer.close()
  }
  await read(Math.floor(records / 4))
  return { run: () => read(records), close: () => client.close() }
}

async function kafkajsSends({ bootstrap, topic, records }: ClientOrder): Promise<Work> {
  const producer = kafkajsOf(bootstrap).producer()
  await producer.connect()
  const batch = () => producer.send({ topic, acks: -1, messages: messages() })
  return inThousands(records, batch, () => producer.disconnect())
}

async function kafkajsReads({ bootstrap, topic, records }: ClientOrder): Promise<Work> {
  const read = async (count: number): Promise<void> => {
    const consumer = kafkajsOf(bootstrap).consumer({ groupId: newGroup() })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    let seen = 0
    let bytes = 0
    await new Promise<void>((resolve, reject) => {
      const eachBatch = async ({ batch }: { batch: { messages: { value: Buffer | null }[] } }) => {
        for (const message of batch.messages) bytes += message.value?.length ?? 0
        seen += batch.messages.length
        if (seen >= count) resolve()
      }
      consumer.run({ eachBatch }).catch(reject)
    })
    check(seen, bytes)
    await consumer.disconnect()
  }
  await read(Math.floor(records / 4))
  return { run: () => read(records), close: async () => {} }
}

function kafkajsOf(bootstrap: string): kafkajs.Kafka {
  return new kafkajs.Kafka({ brokers: [bootstrap], clientId: 'bench', logLevel: kafkajs.logLevel.NOTHING })
}

async function platformaticSends({ bootstrap, topic, records }: ClientOrder): Promise<Work> {
  const producer = new Producer({ clientId: 'bench', bootstrapBrokers: [bootstrap] })
  const batch = () =>
    producer.send({ acks: ProduceAcks.ALL, messages: Array.from({ length: thousand }, () => ({ topic, value })) })
  return inThousands(records, batch, async () => {
    await producer.close()
  })
}

async function platformaticReads({ bootstrap, topic, records }: ClientOrder): Promise<Work> {
  const read = async (count: number): Promise<void> => {
    const consumer = new Consumer({ clientId: 'bench', bootstrapBrokers: [bootstrap], groupId: newGroup() })
    const stream = await consumer.consume({ topics: [topic], mode: MessagesStreamModes.EARLIEST, autocommit: false })
    let seen = 0
    let bytes = 0
    const enough = new Promise<void>((resolve) => {
      stream.on('data', (message) => {
        bytes += message.value.length
        if (++seen === count) resolve()
      })
    })
    await Promise.race([enough, once(stream, 'error').then(([error]) => Promise.reject(error))])
    check(seen, bytes)
    await stream.close()
    await consumer.close(true)
  }
  await read(Math.floor(records / 4))
  return { run: () => read(records), close: async () => {} }
}

function messages() {
  return Array.from({ length: thousand }, () => ({ value }))
}

function check(seen: number, bytes: number): void {
  if (bytes !== seen * value.length) throw new Error(`${seen} records had ${bytes} bytes of values`)
}

let groups = 0

function newGroup(): string {
  return `bench-${process.pid}-${Date.now()}-${groups++}`
}
