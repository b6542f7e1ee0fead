import { createClient } from '@millrace/client'
import { nodeClock } from '@millrace/kernel/node'
import { SimDisk } from '@millrace/kernel/sim'
import { BatchCursor } from '@millrace/record/internal'
import { defineTopology, json, string, topic } from '@millrace/streams'
import { runStreamThread, type StreamsApp, startStreams } from '@millrace/streams/internal'
import { type Blows, CommitSteps, type Victim } from './commit-steps.ts'
import { MortalClock } from './mortal-clock.ts'
import type { MortalTransport } from './mortal-transport.ts'
import { OutlivingStores } from './outliving-stores.ts'
import { haste, portsOn, SimBroker } from './sim-broker.ts'

const testClock = nodeClock()
const text = { key: string(), value: string() }

/** A step without state, one with state behind a repartition, in two sub-topologies. */
const topology = defineTopology('steps', ({ stream }) => {
  const events = stream(topic('events', text))
  events.to(topic('copies', text))
  events
    .groupBy((user) => user, { name: 'by-user', ...text })
    .count({ store: 'per-user' })
    .toStream()
    .to(topic('counts', { key: string(), value: json<number>() }))
})

/** Requests that change what the cluster holds; the others may be repeated by anybody. */
const writing = new Set([
  'initProducerId',
  'addPartitionsToTxn',
  'produce',
  'addOffsetsToTxn',
  'txnOffsetCommit',
  'endTxn',
])

interface Process {
  readonly app: StreamsApp
  readonly transport: MortalTransport
  die(): void
}

/**
 * One application under exactly-once that counts events in two waves, while blows fall. An instance that is killed is
 * started again, with the state that it had flushed.
 */
export class StreamsHistory {
  readonly #broker: SimBroker
  readonly #steps: CommitSteps
  readonly #outliving = new OutlivingStores()
  #disk = new SimDisk()
  #process: Process | undefined
  #written = 0

  /** @param version of transactions @returns what was met, how many blows fell, and what came of it */
  static async run(
    version: number,
    blows: Blows,
  ): Promise<{ met: readonly string[]; fallen: number; results: Results }> {
    const broker = await SimBroker.start({ 'transaction.version': version })
    const history = new StreamsHistory(broker, blows)
    try {
      const results = await history.#run()
      const { met, fallen } = history.#steps
      return { met, fallen, results }
    } finally {
      await history.#steps.end()
      await history.#process?.app.close()
      await broker.stop()
    }
  }

  private constructor(broker: SimBroker, blows: Blows) {
    this.#broker = broker
    this.#steps = new CommitSteps(blows, (victim, step) => this.#strike(victim, step))
  }

  async #run(): Promise<Results> {
    const client = this.#broker.client()
    await client.admin().createTopics(['events', 'copies', 'counts'].map((name) => ({ name, partitions: 2 })))
    await this.#write(12)
    await this.#start()
    await this.#processed()
    await this.#write(8)
    await this.#processed()
    await this.#steps.end()
    return { written: this.#written, ...(await this.#read()) }
  }

  #strike(victim: Victim, seed: number): Promise<void> {
    if (victim === 'broker') return this.#broker.crash(seed)
    const struck = this.#process
    if (victim === 'instance') {
      this.#process = undefined
      this.#disk = this.#disk.kill()
      struck?.die()
      return this.#start()
    }
    struck?.transport.cut()
    return Promise.resolve()
  }

  async #start(): Promise<void> {
    const transport = this.#broker.transport((api, send) => {
      return writing.has(api) ? this.#steps.around(api, send) : send()
    })
    const stores = this.#outliving.process(this.#steps)
    const ports = portsOn(this.#disk)
    const clocks = [new MortalClock(ports.clock), new MortalClock(ports.clock, haste)] as const
    const [clock, clientClock] = clocks
    const client = createClient({ transport, ports: { ...ports, clock: clientClock } })
    const { near, far } = ports.threads.channel()
    const port = ports.threads.adopt(far)
    const app = await startStreams({
      topology,
      module: { url: 'test:', exportName: 'default' },
      options: { stateDirectory: '/state', processing: 'exactly-once', commitIntervalMs: 20 },
      ports,
      host: {
        start(data) {
          const world = { data, port, client, ports: { ...ports, clock }, engine: stores, topology }
          const ended = runStreamThread(world).then(
            () => undefined,
            (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
          )
          return {
            port: near,
            ended: ended.finally(() => port.close()),
            terminate: async () => undefined,
            cpuSeconds: async () => undefined,
          }
        },
      },
    })
    const die = () => {
      for (const each of clocks) each.die()
      transport.die()
      stores.die()
      port.close()
    }
    this.#process = { app, transport, die }
  }

  async #write(count: number): Promise<void> {
    const producer = this.#broker.client().producer()
    const sent = Array.from({ length: count }, (_, i) => {
      const n = this.#written + i
      return producer.send({ topic: 'events', partition: n % 2, key: `event ${n}`, value: userOf(n), timestampMs: n })
    })
    await Promise.all(sent)
    await producer.close()
    this.#written += count
  }

  /** Waits until the group has committed all of the input, and then all that came of it. */
  async #processed(): Promise<void> {
    const client = this.#broker.client()
    for (const name of ['events', 'steps-by-user-repartition']) {
      const partitions = [0, 1].map((partition) => ({ topic: name, partition }))
      const isDone = async () => {
        const ends = await client.admin().listOffsets(partitions, 'latest')
        const committed = await client.admin().groupOffsets('steps')
        return partitions.every(
          ({ partition }) => (committed.get(name, partition)?.offset ?? 0) >= (ends.get(name, partition) ?? 0),
        )
      }
      while (!(await isDone())) {
        const status = await this.#process?.app.status()
        const failed = status?.threads.find(({ failure }) => failure !== undefined)
        if (failed !== undefined) throw new Error(`the application failed: ${failed.failure?.message}`)
        await testClock.sleep(5)
      }
    }
    await client.close()
  }

  /** Of committed records. */
  async #read(): Promise<Omit<Results, 'written'>> {
    const copies: string[] = []
    const counts: Record<string, number> = {}
    const client = this.#broker.client()
    const partitions = ['copies', 'counts'].flatMap((name) => [0, 1].map((partition) => ({ topic: name, partition })))
    const consumer = client.consumer({ autoOffsetReset: 'earliest', isolation: 'read_committed' })
    consumer.assign(partitions)
    const ends = await client.admin().listOffsets(partitions, 'latest')
    const inputs = [0, 1].map((partition) => ({ topic: 'events', partition }))
    const inputEnds = await client.admin().listOffsets(inputs, 'latest')
    const input = [...inputEnds.values()].reduce((sum: number, end) => sum + end, 0)
    const cursor = new BatchCursor()
    const isBehind = () =>
      partitions.some((at) => (consumer.position(at) ?? 0) < (ends.get(at.topic, at.partition) ?? 0))
    while (isBehind()) {
      for (const { topic: name, batch, from } of await consumer.poll({ timeoutMs: 100 })) {
        for (cursor.open(batch); cursor.next(); ) {
          if (cursor.offset < from) continue
          const key = cursor.bytes.utf8Slice(cursor.keyFrom, cursor.keyTo)
          if (name === 'copies') copies.push(key)
          else counts[key] = Number(cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo))
        }
      }
    }
    await client.close()
    return { input, copies: copies.sort(), counts }
  }
}

/** What came of it. */
export interface Results {
  readonly written: number
  /** Records in the input: each was written once. */
  readonly input: number
  /** Keys of the copies, sorted. */
  readonly copies: readonly string[]
  /** The last count of each user. */
  readonly counts: Readonly<Record<string, number>>
}

/** What must come of so many events. */
export function expected(written: number): Results {
  const numbers = Array.from({ length: written }, (_, n) => n)
  const counts: Record<string, number> = {}
  for (const n of numbers) counts[userOf(n)] = (counts[userOf(n)] ?? 0) + 1
  return { written, input: written, copies: numbers.map((n) => `event ${n}`).sort(), counts }
}

function userOf(n: number): string {
  return `user ${(n * 7) % 5}`
}
