import { type Consumer, createClient, tcpTransport } from '@millrace/client'
import { offset } from '@millrace/kernel'
import { memoryMetrics } from '@millrace/kernel/node'
import { SimDisk } from '@millrace/kernel/sim'
import { afterEach, describe, expect, it } from 'vitest'
import { type Engine, startEngine } from '../src/index.ts'
import { recordsOf, testPorts } from './cluster-under-test.ts'

const at = { topic: 'orders', partition: 0 }
const open: { close(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

async function start(disk: SimDisk, port = 0): Promise<{ engine: Engine; port: number }> {
  const engine = await startEngine({ directory: '/data', ports: { ...testPorts(), disk }, listen: { port } })
  open.push(engine)
  return { engine, port: engine.listening!.port }
}

function client(port: number) {
  const metrics = memoryMetrics()
  const ports = { ...testPorts(), metrics }
  const made = createClient({ transport: tcpTransport({ bootstrap: [`127.0.0.1:${port}`], ports }), ports })
  open.push(made)
  return { client: made, truncations: () => metrics.snapshot().get('millrace_client_truncations_total{group=""}') }
}

async function send(port: number, acks: 1 | 'all', prefix: string, count: number): Promise<void> {
  const producer = client(port).client.producer({ acks })
  for (let i = 0; i < count; i++) await producer.send({ ...at, value: `${prefix}${i}` })
}

async function read(consumer: Consumer, count: number): Promise<{ offset: number; value: string | null }[]> {
  const records: { offset: number; value: string | null }[] = []
  while (records.length < count) {
    for (const { offset, value } of recordsOf(await consumer.poll({ timeoutMs: 500 }))) records.push({ offset, value })
  }
  return records
}

/** The power goes after a consumer has read what was not on disk yet. Returns the new engine, with a shorter log. */
async function lossOfPower(disk: SimDisk, engine: Engine, port: number, readTo: number): Promise<number> {
  const after = Array.from({ length: 50 }, (_, seed) => disk.crash(seed))
  await engine.close()
  for (const crashed of after) {
    const next = await start(crashed, port)
    const [end] = (await client(port).client.admin().listOffsets([at], 'latest')).values()
    if (end! < readTo) return end!
    await next.engine.close()
  }
  throw new Error('no seed has lost a record')
}

describe('a consumer that has read what the engine lost', () => {
  async function readAndLose(autoOffsetReset: 'latest' | 'none') {
    const disk = new SimDisk()
    const { engine, port } = await start(disk)
    await client(port)
      .client.admin()
      .createTopics([{ name: 'orders', partitions: 1 }])
    await send(port, 'all', 'kept', 5)
    await send(port, 1, 'lost', 10)
    const reader = client(port)
    const consumer = reader.client.consumer({ autoOffsetReset })
    consumer.assign([at])
    consumer.seek(at, offset(0))
    await read(consumer, 15)
    const end = await lossOfPower(disk, engine, port, 15)
    expect(end).toBeGreaterThanOrEqual(5)
    await send(port, 'all', 'new', 30) // past where the consumer stands
    return { consumer, end, truncations: reader.truncations }
  }

  it('goes on where the histories part, and says so', async () => {
    const { consumer, end, truncations } = await readAndLose('latest')
    const records = await read(consumer, 30)
    expect(records[0]).toEqual({ offset: end, value: 'new0' })
    expect(records.map(({ value }) => value)).toEqual(Array.from({ length: 30 }, (_, i) => `new${i}`))
    expect(truncations()).toBe(1)
  })

  it('throws where it may not reset', async () => {
    const { consumer } = await readAndLose('none')
    await expect(read(consumer, 1)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
  })
})
