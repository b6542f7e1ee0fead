import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient, tcpTransport } from '@millrace/client'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { BatchCursor, decodeHeaders } from '@millrace/record/internal'
import { type Millrace, startMillrace } from 'millrace'

/** A record's value and headers, as text. */
export interface ReadRecord {
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

/** The whole product in a directory of its own, as a program that uses it has it. */
export class MillraceRoom {
  readonly directory: string
  readonly millrace: Millrace
  readonly #clients: Client[] = []

  private constructor(directory: string, millrace: Millrace) {
    this.directory = directory
    this.millrace = millrace
  }

  static async open(): Promise<MillraceRoom> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
    return new MillraceRoom(directory, await startMillrace({ data: join(directory, 'data'), log: silentLog }))
  }

  /** A client of another program: over TCP. */
  client(): Client {
    const ports = nodePorts({ log: silentLog })
    const client = createClient({ transport: tcpTransport({ bootstrap: [this.millrace.address], ports }), ports })
    this.#clients.push(client)
    return client
  }

  async createTopics(...names: readonly string[]): Promise<void> {
    const admin = this.millrace.client.admin()
    await admin.createTopics(names.map((name) => ({ name, partitions: 1, configs: { 'retention.ms': '-1' } })))
    await admin.close()
  }

  async send(topic: string, values: readonly string[]): Promise<void> {
    const producer = this.millrace.client.producer()
    await Promise.all(values.map((value) => producer.send({ topic, key: value.slice(0, 8), value })))
    await producer.close()
  }

  /** Everything in partition 0. */
  read(topic: string): Promise<ReadRecord[]> {
    return readPartition(this.millrace.client, topic, 0)
  }

  /** Waits until `done` holds. Whether it ever does is up to the test's time limit. */
  async until(done: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await done())) await this.millrace.ports.clock.sleep(20)
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    await this.millrace.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** Everything in a partition, from its beginning to what is its end now. */
export async function readPartition(client: Client, topic: string, partition: number): Promise<ReadRecord[]> {
  const consumer = client.consumer()
  const place = { topic, partition }
  consumer.assign([place])
  await consumer.seekToBeginning([place])
  const end = (await consumer.endOffsets([place])).get(topic, partition) ?? 0
  const records: ReadRecord[] = []
  const cursor = new BatchCursor()
  while ((consumer.position(place) ?? 0) < end) {
    for (const { batch } of await consumer.poll()) {
      cursor.open(batch)
      while (cursor.next()) {
        const { bytes, valueFrom, valueTo, headersFrom, headersTo } = cursor
        const headers = decodeHeaders(bytes, headersFrom, headersTo)
        records.push({
          value: valueFrom < 0 ? null : bytes.utf8Slice(valueFrom, valueTo),
          headers: Object.fromEntries(headers.map(({ key, value }) => [key, value?.toString() ?? ''])),
        })
      }
    }
  }
  await consumer.close()
  return records
}
