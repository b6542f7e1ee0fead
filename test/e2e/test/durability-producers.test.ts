import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient, tcpTransport } from '@millrace/client'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { BatchCursor } from '@millrace/record/internal'
import { freePorts } from '@millrace/test-contract'
import { expect, test, vi } from 'vitest'
import type { ChildOfTest } from '../src/child-process.ts'
import { startEngineProcess } from '../src/started-processes.ts'

// Six starts of an engine under load, on whatever machine.
vi.setConfig({ testTimeout: 240_000 })

const topic = 'orders'
const partitions = 4
const producers = 3
const inFlight = 400
const kills = 5
/** Acknowledgements between a start and the next kill. */
const betweenKills = 4000

/** What one producer knows of a record: its text, and where it was told that it lies. */
interface Acknowledged {
  readonly value: string
  readonly partition: number
  readonly offset: number
}

const ports = nodePorts({ log: silentLog })

function clientOf(address: string): Client {
  return createClient({ transport: tcpTransport({ bootstrap: [address], ports }), ports })
}

/** Sends numbered records to all partitions in turn, up to `inFlight` unacknowledged, until told to stop. */
class NumberingProducer {
  readonly acknowledged: Acknowledged[] = []
  readonly sentTo: string[][] = Array.from({ length: partitions }, () => [])
  readonly #client: Client
  readonly #name: string
  #stopping = false

  constructor(address: string, name: string) {
    this.#client = clientOf(address)
    this.#name = name
  }

  stop(): void {
    this.#stopping = true
  }

  /** @throws the first record that was not acknowledged */
  async run(heard: () => void): Promise<void> {
    const producer = this.#client.producer()
    await producer.open(topic)
    const open = new Set<Promise<void>>()
    for (let i = 0; !this.#stopping; i++) {
      const partition = i % partitions
      const value = `${this.#name}:${i}`
      this.sentTo[partition]?.push(value)
      const sent = producer.send({ topic, partition, value }).then(({ offset }) => {
        this.acknowledged.push({ value, partition, offset })
        open.delete(sent)
        heard()
      })
      open.add(sent)
      if (open.size >= inFlight) await Promise.race(open)
    }
    await Promise.all(open)
    await this.#client.close()
  }
}

async function recordsOf(client: Client, partition: number): Promise<string[]> {
  const consumer = client.consumer()
  const place = { topic, partition }
  consumer.assign([place])
  await consumer.seekToBeginning([place])
  const end = (await consumer.endOffsets([place])).get(topic, partition) ?? 0
  const values: string[] = []
  const cursor = new BatchCursor()
  while (values.length < end) {
    for (const { batch } of await consumer.poll()) {
      cursor.open(batch)
      while (cursor.next()) {
        expect(cursor.offset).toBe(values.length)
        values.push(cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo))
      }
    }
  }
  await consumer.close()
  return values
}

test('an engine killed again and again under load: nothing acknowledged is missing, nothing is twice, order is kept', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-e2e-'))
  const [port = 0] = await freePorts(1)
  let engine: ChildOfTest = startEngineProcess(directory, port)
  try {
    const [, address = ''] = await engine.said(/^ready (\S+)$/)
    const admin = clientOf(address).admin()
    await admin.createTopics([{ name: topic, partitions }])
    const all = Array.from({ length: producers }, (_, i) => new NumberingProducer(address, `p${i}`))
    const count = () => all.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)
    let wake = (): void => {}
    const running = Promise.all(all.map((each) => each.run(() => wake())))
    const reached = (target: number) =>
      new Promise<void>((resolve) => {
        wake = () => {
          if (count() >= target) resolve()
        }
      })
    for (let kill = 0; kill < kills; kill++) {
      await Promise.race([reached(count() + betweenKills), running])
      await engine.kill()
      engine = startEngineProcess(directory, port)
      await engine.said(/^ready /)
    }
    await Promise.race([reached(count() + betweenKills), running])
    for (const each of all) each.stop()
    await running

    const client = clientOf(address)
    const stored = await Promise.all(Array.from({ length: partitions }, (_, partition) => recordsOf(client, partition)))
    await client.close()
    await admin.close()
    for (const { acknowledged, sentTo } of all) {
      const misplaced = acknowledged.filter(({ value, partition, offset }) => stored[partition]?.[offset] !== value)
      expect(misplaced).toEqual([])
      const name = sentTo[0]?.[0]?.split(':')[0] ?? ''
      // All were acknowledged in the end, so each partition holds exactly what was sent to it, in order, once.
      sentTo.forEach((sent, partition) => {
        expect(stored[partition]?.filter((value) => value.startsWith(`${name}:`))).toEqual(sent)
      })
    }
    expect(count()).toBeGreaterThanOrEqual((kills + 1) * betweenKills)
    expect(await engine.stop()).toBe(0)
  } finally {
    await engine.kill()
    rmSync(directory, { recursive: true, force: true })
  }
})
