import type { HttpResponse } from '@millrace/kernel'
import { defineTopology, long, string, topic, tumbling } from '@millrace/streams'
import { storeRoutes } from '@millrace/streams/internal'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { StreamsRoom } from '../src/streams-room.ts'

let room: StreamsRoom
beforeEach(async () => {
  room = await StreamsRoom.open()
})
afterEach(() => room.close())

const visits = topic('visits', { key: long(), value: string() })

const topology = defineTopology('visits', ({ stream }) => {
  const grouped = stream(visits).groupByKey()
  grouped.count({ store: 'totals' })
  grouped.windowedBy(tumbling({ seconds: 10 })).count({ store: 'by-ten-seconds', retention: { hours: 1 } })
})

const keyOf = (n: number) => {
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(n))
  return bytes
}

async function visit(key: number, ...timestamps: readonly number[]): Promise<void> {
  const producer = room.client.producer()
  for (const timestampMs of timestamps) {
    await producer.send({ topic: 'visits', key: keyOf(key), value: 'x', timestampMs })
  }
  await producer.close()
}

test('keys and windows are answered over the routes, what is not committed included', async () => {
  await room.topics({ visits: 3 })
  await visit(7, 1_000, 2_000, 12_000, 25_000)
  await visit(8, 3_000)
  // Nothing is committed during the test: the answers come from the cache.
  const app = await room.run(topology, { hosted: 2, commitIntervalMs: 3_600_000 })
  const [route] = storeRoutes(app)
  const get = async (name: string, key: string, query: Record<string, string> = {}): Promise<HttpResponse> => {
    const path = `/stores/${name}/${key}`
    return (
      (await route?.handle({ method: 'GET', params: { name, key }, query, body: undefined, path })) ?? { status: 0 }
    )
  }
  // Until the first tasks run: 503, as for a store that is restored.
  expect((await get('totals', '7')).status).toBe(503)
  await room.until(async () => (await get('totals', '7')).body === 4 && (await get('totals', '8')).body === 1)
  expect((await app.status()).threads.map(({ commits }) => commits)).toEqual([0, 0])

  expect(await get('by-ten-seconds', '7')).toEqual({
    status: 200,
    body: [
      { start: 0, end: 10_000, value: 2 },
      { start: 10_000, end: 20_000, value: 1 },
      { start: 20_000, end: 30_000, value: 1 },
    ],
  })
  expect((await get('by-ten-seconds', '7', { from: '10000', to: '1970-01-01T00:00:20Z' })).body).toEqual([
    { start: 10_000, end: 20_000, value: 1 },
  ])
  expect((await get('by-ten-seconds', '7', { from: '30000' })).status).toBe(404)
  expect((await get('totals', '9')).status).toBe(404)
  expect((await get('nowhere', '7')).status).toBe(404)
  expect((await get('totals', 'seven')).status).toBe(400)
  expect((await get('totals', '7', { from: '0' })).status).toBe(400)
  expect((await get('by-ten-seconds', '7', { from: 'yesterday' })).status).toBe(400)

  await app.close()
  expect((await get('totals', '7')).status).toBe(400)
})
