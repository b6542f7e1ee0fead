import { setTimeout as sleep } from 'node:timers/promises'
import { type Client, cooperativeStickyAssignor, createClient, recordsOf, tcpTransport } from '@millrace/client'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import { type KafkaCluster, startKafka } from '@millrace/test-contract'
import { afterAll, beforeAll, expect, it } from 'vitest'

const partitions = 6
const topic = 'under-load'
const text = (bytes: Buffer) => bytes.toString()

let kafka: KafkaCluster
const clients: Client[] = []
beforeAll(async () => {
  // A dead broker is noticed after a second, not nine.
  const settings = {
    'broker.session.timeout.ms': 2_000,
    'broker.heartbeat.interval.ms': 400,
    'default.replication.factor': 3,
    'min.insync.replicas': 2,
    'offsets.topic.replication.factor': 3,
    'offsets.topic.num.partitions': 6,
    'group.initial.rebalance.delay.ms': 0,
  }
  kafka = await startKafka({ nodes: 3, settings })
}, 240_000)
afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()))
  await kafka.stop()
}, 60_000)

function client(): Client {
  const ports = nodePorts({ log: nodeLog({ level: 'error' }) })
  const made = createClient({ transport: tcpTransport({ bootstrap: kafka.bootstrap.split(','), ports }), ports })
  clients.push(made)
  return made
}

/** Sends numbered records until told to stop; remembers which were acknowledged, and where. */
class Writer {
  readonly acknowledged = new Map<string, number>()
  readonly refused: unknown[] = []
  readonly #done: Promise<void>
  #running = true

  constructor(id: string) {
    this.#done = this.#run(id)
  }

  async #run(id: string): Promise<void> {
    const producer = client().producer({ acks: 'all' })
    const pending = new Set<Promise<void>>()
    for (let n = 0; this.#running; n++) {
      const value = `${id}:${n % partitions}:${n}`
      const sent = producer.send({ topic, partition: n % partitions, value }).then(
        ({ offset }) => void this.acknowledged.set(value, offset),
        (error: unknown) => void this.refused.push(error),
      )
      const over = sent.finally(() => pending.delete(over))
      pending.add(over)
      if (n % 50 === 49) await sleep(5)
      if (pending.size >= 1_000) await Promise.race(pending)
    }
    await Promise.all(pending)
    await producer.close()
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }
}

/** A member of a group that notes which records it was given. */
class Reader {
  readonly seen = new Set<string>()
  readonly #done: Promise<void>
  #running = true

  constructor() {
    this.#done = this.#run()
  }

  async #run(): Promise<void> {
    await using consumer = client().consumer({
      groupId: 'readers',
      autoOffsetReset: 'earliest',
      autoCommitIntervalMs: 500,
      assignors: [cooperativeStickyAssignor()],
    })
    consumer.subscribe([topic])
    while (this.#running) {
      for (const { partition, offset } of recordsOf(await consumer.poll({ timeoutMs: 100 }))) {
        this.seen.add(`${partition}@${offset}`)
      }
    }
  }

  async stop(): Promise<void> {
    this.#running = false
    await this.#done
  }
}

it('loses nothing that was acknowledged, doubles nothing and keeps order while leaders are killed', async () => {
  const admin = client().admin()
  await admin.createTopics([{ name: topic, partitions, replicationFactor: 3 }])
  const leaderOf = async (partition: number) => (await admin.describeTopics([topic]))[0]?.partitions[partition]?.leader
  const inSync = async () => (await admin.describeTopics([topic]))[0]?.partitions.every((p) => p.inSync.length === 3)
  const writers = ['a', 'b', 'c'].map((id) => new Writer(id))
  const readers = [new Reader(), new Reader()]
  const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged.size, 0)
  const read = () => readers.reduce((sum, reader) => sum + reader.seen.size, 0)
  for (const partition of [0, 1, 2]) {
    const [wrote, seen] = [acknowledged(), read()]
    while (acknowledged() < wrote + 2_000 || read() < seen + 1_000) await sleep(20)
    const leader = await leaderOf(partition)
    expect(leader).toBeGreaterThan(0)
    await kafka.kill(leader ?? 1)
    while ((await leaderOf(partition)) === leader) await sleep(100)
    const [before, seenBefore] = [acknowledged(), read()]
    while (acknowledged() < before + 2_000 || read() < seenBefore + 1_000) await sleep(20)
    await kafka.restart(leader ?? 1)
    while ((await inSync()) !== true) await sleep(100)
  }
  await Promise.all(writers.map((writer) => writer.stop()))
  const stored = await everything()
  const places = new Set([...stored.values()].map(({ place }) => place))
  const unread = () => {
    const seen = new Set(readers.flatMap((reader) => [...reader.seen]))
    return [...places].filter((place) => !seen.has(place))
  }
  while (unread().length > 0) await sleep(200)
  await Promise.all(readers.map((reader) => reader.stop()))
  for (const writer of writers) {
    expect(writer.refused).toEqual([])
    for (const [value, offset] of writer.acknowledged) expect(stored.get(value)?.offset, value).toBe(offset)
  }
}, 600_000)

/** All records there are, each once and each writer's in order. */
async function everything(): Promise<Map<string, { readonly offset: number; readonly place: string }>> {
  const consumer = client().consumer({ autoOffsetReset: 'earliest' })
  consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })))
  const ends = [...(await consumer.endOffsets(consumer.assignment()))]
  const found = new Map<string, { readonly offset: number; readonly place: string }>()
  const last = new Map<string, number>()
  while (ends.some(([at, end]) => (consumer.position(at) ?? 0) < end)) {
    for (const { partition, offset, value } of recordsOf(await consumer.poll(), { value: text })) {
      const record = value ?? ''
      expect(found.has(record), `${record} twice`).toBe(false)
      found.set(record, { offset, place: `${partition}@${offset}` })
      const [id = '', , n = ''] = record.split(':')
      const stream = `${id}-${partition}`
      expect(Number(n)).toBeGreaterThan(last.get(stream) ?? -1)
      last.set(stream, Number(n))
    }
  }
  await consumer.close()
  return found
}
