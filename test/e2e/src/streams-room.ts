import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@millrace/client'
import { type Engine, startEngine } from '@millrace/embedded'
import { type Log, type Ports, silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { BatchCursor, decodeHeaders } from '@millrace/record/internal'
import { lmdbEngine } from '@millrace/store'
import {
  runStreamThread,
  type StreamsApp,
  type StreamsOptions,
  type StreamThreadHost,
  startStreams,
  type Topology,
} from '@millrace/streams/internal'

/** A record as a test looks at it. */
export interface SeenRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

export interface InputRecord {
  readonly key: string | null
  readonly value: string
  readonly timestampMs: number
}

export interface RunOptions extends Partial<StreamsOptions> {
  /** Below the room's directory. @default 'state' */
  readonly state?: string
  /** Stream threads, on the test's own thread. @default 1 */
  readonly hosted?: number
}

const settings = { 'group.min.session.timeout.ms': 500, 'group.initial.rebalance.delay.ms': 0 }

/** An engine that listens on TCP, in a directory of its own, where stream applications run on the test's thread. */
export class StreamsRoom {
  readonly directory: string
  readonly ports: Ports
  engine: Engine
  client: Client
  /** Warnings of everything that ran here. */
  readonly warnings: string[]
  readonly #apps: StreamsApp[] = []

  private constructor(directory: string, ports: Ports, engine: Engine, warnings: string[]) {
    this.directory = directory
    this.ports = ports
    this.engine = engine
    this.client = createClient({ transport: engine.loopback(), ports })
    this.warnings = warnings
  }

  static async open(): Promise<StreamsRoom> {
    const directory = mkdtempSync(join(tmpdir(), 'streams-'))
    const warnings: string[] = []
    const log: Log = {
      ...silentLog,
      warn: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
      child: () => log,
    }
    const ports = nodePorts({ log })
    const engine = await startEngine({ directory: join(directory, 'log'), ports, settings, listen: { port: 0 } })
    return new StreamsRoom(directory, ports, engine, warnings)
  }

  /** The broker goes and comes back at the same address. Applications on the test's own thread lose it for good. */
  async restartEngine(whileAway: () => Promise<void> = async () => {}): Promise<void> {
    const port = this.engine.listening?.port ?? 0
    await this.client.close()
    await this.engine.close()
    await whileAway()
    const { directory, ports } = this
    this.engine = await startEngine({ directory: join(directory, 'log'), ports, settings, listen: { port } })
    this.client = createClient({ transport: this.engine.loopback(), ports })
  }

  get address(): string {
    const { host, port } = this.engine.listening ?? { host: '', port: 0 }
    return `${host}:${port}`
  }

  async topics(counts: Readonly<Record<string, number>>): Promise<void> {
    // Records of tests are of any time.
    const configs = { 'retention.ms': '-1' }
    const topics = Object.entries(counts).map(([name, partitions]) => ({ name, partitions, configs }))
    await this.client.admin().createTopics(topics)
  }

  async write(topic: string, records: readonly InputRecord[]): Promise<void> {
    const producer = this.client.producer()
    await Promise.all(records.map((record) => producer.send({ topic, ...record })))
    await producer.close()
  }

  /** Runs a topology on this thread. Its functions may be closures of the test. */
  async run(topology: Topology, { state = 'state', hosted = 1, ...options }: RunOptions = {}): Promise<StreamsApp> {
    const app = await startStreams({
      topology,
      module: { url: 'test:', exportName: 'default' },
      options: {
        stateDirectory: join(this.directory, state),
        threads: hosted,
        commitIntervalMs: 100,
        sessionTimeoutMs: 2000,
        ...options,
      },
      host: this.#host(topology),
      ports: this.ports,
    })
    this.#apps.push(app)
    return app
  }

  /** Everything in a topic that is committed, partition by partition. */
  async read(topic: string): Promise<SeenRecord[]> {
    const consumer = this.client.consumer({ autoOffsetReset: 'earliest', isolation: 'read_committed' })
    try {
      const [described] = await this.client.admin().describeTopics([topic])
      const partitions = (described?.partitions ?? []).map((_, partition) => ({ topic, partition }))
      const ends = await consumer.endOffsets(partitions)
      consumer.assign(partitions)
      await consumer.seekToBeginning(partitions)
      const seen: SeenRecord[] = []
      const cursor = new BatchCursor()
      const behind = () => partitions.some((at) => (consumer.position(at) ?? 0) < (ends.get(topic, at.partition) ?? 0))
      while (behind()) {
        for (const { batch, partition } of await consumer.poll({ timeoutMs: 100 })) {
          for (cursor.open(batch); cursor.next(); ) seen.push(seenRecord(cursor, partition))
        }
      }
      return seen
    } finally {
      await consumer.close()
    }
  }

  /** The last value of each key. */
  async table(topic: string): Promise<Map<string, string>> {
    const table = new Map<string, string>()
    for (const { key, value } of await this.read(topic)) if (key !== null && value !== null) table.set(key, value)
    return table
  }

  /** Waits until `done` holds, looking every few milliseconds. @throws what made an application fail meanwhile */
  async until(done: () => boolean | Promise<boolean>, expected: readonly StreamsApp[] = this.#apps): Promise<void> {
    const until = this.ports.clock.monotonicMs() + 25_000
    while (!(await done())) {
      for (const app of expected) {
        const { threads } = await app.status()
        const failed = threads.find(({ failure }) => failure !== undefined)
        if (failed !== undefined) throw new Error(`an application failed: ${failed.failure?.message}`)
      }
      if (this.ports.clock.monotonicMs() >= until) {
        const statuses = await Promise.all(this.#apps.map((app) => app.status()))
        throw new Error(`it never came about: ${JSON.stringify(statuses)} ${this.warnings.join('; ')}`)
      }
      await this.ports.clock.sleep(20)
    }
  }

  /** Waits until the application has committed all of a topic. */
  async processed(
    applicationId: string,
    topics: readonly string[],
    expected: readonly StreamsApp[] = this.#apps,
  ): Promise<void> {
    const admin = this.client.admin()
    const consumer = this.client.consumer({ groupId: applicationId })
    await this.until(async () => {
      const described = await admin.describeTopics(topics)
      if (described.length < topics.length) return false
      const partitions = described.flatMap(({ name, partitions: list }) =>
        list.map((_, partition) => ({ topic: name, partition })),
      )
      const [ends, committed] = [await consumer.endOffsets(partitions), await consumer.committed(partitions)]
      return partitions.every(({ topic, partition }) => {
        return (committed.get(topic, partition)?.offset ?? 0) >= (ends.get(topic, partition) ?? 0)
      })
    }, expected)
    await consumer.close()
  }

  async close(): Promise<void> {
    await Promise.all(this.#apps.map((app) => app.close()))
    await this.client.close()
    await this.engine.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  #host(topology: Topology): StreamThreadHost {
    const { ports, engine } = this
    return {
      start(data) {
        const { near, far } = ports.threads.channel()
        const port = ports.threads.adopt(far)
        const client = createClient({ transport: engine.loopback(), ports })
        const stores = lmdbEngine({ disk: ports.disk })
        const ended = runStreamThread({ data, port, client, ports, engine: stores, topology }).then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
        )
        return {
          port: near,
          ended: ended.finally(() => port.close()),
          async terminate() {
            near.post({ type: 'stop' })
            await ended
          },
          cpuSeconds: async () => undefined,
        }
      },
    }
  }
}

function seenRecord(cursor: BatchCursor, partition: number): SeenRecord {
  const { bytes, keyFrom, keyTo, valueFrom, valueTo, offset, timestampMs } = cursor
  const text = (from: number, to: number) => (from < 0 ? null : bytes.toString('utf8', from, to))
  const headers = decodeHeaders(bytes, cursor.headersFrom, cursor.headersTo).map(
    ({ key, value }) => [key, value === null ? '' : Buffer.from(value).toString('utf8')] as const,
  )
  return {
    partition,
    offset,
    timestampMs,
    key: text(keyFrom, keyTo),
    value: text(valueFrom, valueTo),
    headers: Object.fromEntries(headers),
  }
}
