import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@millrace/client'
import type { Connector } from '@millrace/connect-api'
import { type Engine, startEngine } from '@millrace/embedded'
import { type Ports, silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { BatchCursor, decodeHeaders } from '@millrace/record/internal'
import { ConnectorRegistry, ConnectRuntime, inThreadHost } from '../src/index.ts'

/** A record as a test looks at it. */
export interface SeenRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: Readonly<Record<string, string>>
}

/** An engine in a directory of its own, with a client. */
export interface EngineRoom {
  readonly directory: string
  readonly ports: Ports
  readonly engine: Engine
  readonly client: Client
  /** A Connect runtime whose tasks run in this thread. Closed with the room, unless it was before. */
  connect(
    connectors: readonly Connector[],
    environment?: Record<string, string>,
    address?: string,
  ): Promise<ConnectRuntime>
  read(topic: string, isolation?: 'read_uncommitted' | 'read_committed'): Promise<SeenRecord[]>
  /** Waits until `done` holds, looking every few milliseconds; whether it ever does is up to the test's own time limit. */
  until(done: () => boolean | Promise<boolean>): Promise<void>
  close(): Promise<void>
}

export async function openEngineRoom(): Promise<EngineRoom> {
  const directory = mkdtempSync(join(tmpdir(), 'connect-'))
  const ports = nodePorts({ log: silentLog })
  const engine = await startEngine({ directory: join(directory, 'log'), ports })
  const client = createClient({ transport: engine.loopback(), ports })
  const runtimes: ConnectRuntime[] = []
  return {
    directory,
    ports,
    engine,
    client,
    async connect(connectors, environment = {}, address = undefined) {
      const host = inThreadHost({ client, ports, registry: new ConnectorRegistry(connectors) })
      const runtime = await ConnectRuntime.start({
        client,
        ports,
        connectors,
        host,
        baseDirectory: directory,
        environment,
        address,
      })
      runtimes.push(runtime)
      return runtime
    },
    read: (topic, isolation = 'read_uncommitted') => readAll(client, topic, isolation),
    async until(done) {
      while (!(await done())) await ports.clock.sleep(5)
    },
    async close() {
      for (const runtime of runtimes) await runtime.close().catch(() => undefined) // closed before
      await client.close()
      await engine.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function readAll(
  client: Client,
  topic: string,
  isolation: 'read_uncommitted' | 'read_committed',
): Promise<SeenRecord[]> {
  const admin = client.admin()
  const [description] = await admin.describeTopics([topic])
  await admin.close()
  const places = (description?.partitions ?? []).map(({ partition }) => ({ topic, partition }))
  const consumer = client.consumer({ autoOffsetReset: 'earliest', isolation })
  const seen: SeenRecord[] = []
  const cursor = new BatchCursor()
  consumer.assign(places)
  const ends = await consumer.endOffsets(places)
  await consumer.seekToBeginning(places)
  while (places.some((place) => (consumer.position(place) ?? 0) < (ends.get(topic, place.partition) ?? 0))) {
    for (const { batch, from, partition } of await consumer.poll({ timeoutMs: 100 })) {
      cursor.open(batch)
      while (cursor.next()) {
        if (cursor.offset < from) continue
        const part = (start: number, end: number) => (start < 0 ? null : cursor.bytes.utf8Slice(start, end))
        const headers = decodeHeaders(cursor.bytes, cursor.headersFrom, cursor.headersTo)
        seen.push({
          partition,
          offset: cursor.offset,
          timestampMs: cursor.timestampMs,
          key: part(cursor.keyFrom, cursor.keyTo),
          value: part(cursor.valueFrom, cursor.valueTo),
          headers: Object.fromEntries(headers.map(({ key, value }) => [key, value?.toString() ?? ''])),
        })
      }
    }
  }
  await consumer.close()
  return seen
}
