import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient, tcpTransport } from '@millrace/client'
import { type Log, type Ports, silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { BatchCursor, decodeHeaders } from '@millrace/record/internal'
import type { StreamsApp } from '@millrace/streams/internal'

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

/** How long anything may take to come about, on whatever machine. */
const patienceMs = 50_000

/** Brokers, a directory beside them, and what tests of stream applications do with both. */
export class ClusterRoom {
  readonly directory: string
  readonly ports: Ports
  /** Warnings of everything that ran here. */
  readonly warnings: string[] = []
  client: Client
  protected readonly apps: StreamsApp[] = []

  /** @param reach makes a client of the brokers */
  protected constructor(reach: (ports: Ports) => Client, directory: string) {
    this.directory = directory
    const log: Log = {
      ...silentLog,
      warn: (message, fields) => void this.warnings.push(`${message} ${JSON.stringify(fields)}`),
      child: () => log,
    }
    this.ports = nodePorts({ log })
    this.client = reach(this.ports)
  }

  /** A room on brokers that run elsewhere. */
  static at(bootstrap: string): ClusterRoom {
    return new ClusterRoom(
      (ports) => createClient({ transport: tcpTransport({ bootstrap: [bootstrap], ports }), ports }),
      mkdtempSync(join(tmpdir(), 'streams-')),
    )
  }

  async topics(counts: Readonly<Record<string, number>>): Promise<void> {
    // Timestamps of tests lie in the past: nothing may be deleted for its age.
    const configs = { 'retention.ms': '-1' }
    const topics = Object.entries(counts).map(([name, partitions]) => ({ name, partitions, configs }))
    await this.client.admin().createTopics(topics)
  }

  async write(topic: string, records: readonly InputRecord[]): Promise<void> {
    const producer = this.client.producer()
    await Promise.all(records.map((record) => producer.send({ topic, ...record })))
    await producer.close()
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
  async until(done: () => boolean | Promise<boolean>, expected: readonly StreamsApp[] = this.apps): Promise<void> {
    const until = this.ports.clock.monotonicMs() + patienceMs
    while (!(await done())) {
      for (const app of expected) {
        const { threads } = await app.status()
        const failed = threads.find(({ failure }) => failure !== undefined)
        if (failed !== undefined) throw new Error(`an application failed: ${failed.failure?.message}`)
      }
      if (this.ports.clock.monotonicMs() >= until) {
        const statuses = await Promise.all(this.apps.map((app) => app.status()))
        throw new Error(`it never came about: ${JSON.stringify(statuses)} ${this.warnings.join('; ')}`)
      }
      await this.ports.clock.sleep(20)
    }
  }

  /** Waits until the application has committed all of a topic. */
  async processed(
    applicationId: string,
    topics: readonly string[],
    expected: readonly StreamsApp[] = this.apps,
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

  /** Those that run elsewhere go on. */
  protected async closeBrokers(): Promise<void> {}

  async close(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.close()))
    await this.client.close()
    await this.closeBrokers()
    rmSync(this.directory, { recursive: true, force: true })
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
