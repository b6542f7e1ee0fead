import { setImmediate as turn } from 'node:timers/promises'
import type { RequestHandler } from '@millrace/protocol/internal'
import { fill } from '@millrace/protocol/internal'
import { afterEach, expect, test } from 'vitest'
import { serve } from '../src/server/serve.ts'
import type { GivenSettings } from '../src/settings.ts'
import { BrokerBench, batchOf } from './broker-bench.ts'
import { RawClient } from './raw-client.ts'

const batches = 24
const batchBytes = 1_000_000
/** More than the system's buffers between two sockets take. */
const topicBytes = batches * batchBytes

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** A broker behind a real port, with a topic of `topicBytes`; time moves when the test says so. */
async function start(settings: GivenSettings = {}) {
  const bench = await BrokerBench.start(settings)
  await bench.createTopic('big')
  for (let i = 0; i < batches; i++) await bench.produce('big', batchOf(['x'.repeat(batchBytes)]))
  let fetches = 0
  let answered = 0
  const handler: RequestHandler = {
    async handle(context, api, request) {
      if (api === 'fetch') fetches++
      const response = await bench.broker.handler.handle(context, api, request)
      if (api === 'fetch') answered++
      return response
    },
  }
  const { settings: read, security, endpoints, ports } = bench.broker
  const server = await serve(
    { handler, settings: read, security, endpoints, ports, close: async () => {} },
    { port: 0 },
  )
  open.push({ close: () => Promise.all([server.close(), bench.clock.advance(10_000)]) })
  const metric = (start: string) => [...bench.metrics.snapshot()].find(([name]) => name.startsWith(start))?.[1] ?? 0
  return {
    clock: bench.clock,
    fetches: () => fetches,
    answered: () => answered,
    close: () => server.close(),
    lent: () => metric('millrace_broker_buffers_lent_bytes'),
    ended: () => metric('millrace_broker_connections_refused_total{reason="slow-reader"}'),
    connect: async () => {
      const client = await RawClient.connect(server.port)
      open.push(client)
      return client
    },
  }
}

function ask(client: RawClient, correlationId: number, more: { bytes?: number; minBytes?: number } = {}): void {
  const { bytes = topicBytes * 2, minBytes = 1 } = more
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: bytes }]
  const request = { maxWaitMs: 1000, minBytes, maxBytes: bytes, topics: [{ topic: 'big', partitions }] }
  client.send('fetch', 11, correlationId, fill('fetch', 'request', request))
}

async function read(client: RawClient): Promise<number> {
  const { value } = await client.answer('fetch', 11)
  return value.responses[0]?.partitions[0]?.records?.length ?? 0
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}

test('clients that never read share a bound; past it their connections end, and the others are served', async () => {
  const { clock, connect, lent, ended, fetches } = await start({ 'queued.max.response.bytes': 4 * batchBytes })
  const slow = await Promise.all(Array.from({ length: 4 }, connect))
  for (const client of slow) {
    client.socket.pause()
    ask(client, 1)
  }
  await until(() => fetches() === slow.length && lent() > 0)
  const honest = await connect()
  ask(honest, 1)
  await until(() => fetches() === slow.length + 1)
  let most = 0
  const answered = read(honest)
  const isAnswered = answered.then(() => true)
  while (!(await Promise.race([isAnswered, turn(false)]))) {
    most = Math.max(most, lent())
    await clock.advance(1000)
  }
  expect(await answered).toBeGreaterThan(topicBytes)
  expect(most).toBeLessThan(2 * topicBytes) // one answer at a time, since each is above the bound
  expect(ended()).toBe(slow.length)
  await until(() => lent() === 0)
})

test('a client that takes its answer late, while nobody waits for the memory, is left alone', async () => {
  const { clock, connect, lent, ended } = await start()
  const late = await connect()
  late.socket.pause()
  ask(late, 1)
  await until(() => lent() > 0)
  await clock.advance(120_000)
  late.socket.resume()
  expect(await read(late)).toBeGreaterThan(topicBytes)
  expect(ended()).toBe(0)
})

test('a fetch that waits for more than there is holds no memory meanwhile', async () => {
  const { clock, connect, lent, fetches } = await start()
  const waiting = await connect()
  ask(waiting, 1, { minBytes: 10 * topicBytes })
  await until(() => fetches() === 1)
  await turn()
  expect(lent()).toBe(0)
  await clock.advance(1000)
  expect(await read(waiting)).toBeGreaterThan(topicBytes)
})

test('a client that left with many fetches on their way is noticed before they are all read for it', async () => {
  const { connect, fetches } = await start()
  const asked = 400
  const gone = await connect()
  for (let i = 0; i < asked; i++) ask(gone, i, { bytes: batchBytes })
  await gone.next()
  gone.close()
  const other = await connect()
  other.send('apiVersions', 3, 1, fill('apiVersions', 'request', {}))
  await other.answer('apiVersions', 3)
  expect(fetches()).toBeLessThan(asked / 2)
})

/** One client that takes nothing of an answer above the bound, and `waiting` others that wait for its memory. */
async function crowd(waiting: number) {
  const started = await start({ 'queued.max.response.bytes': batchBytes })
  const { connect, fetches, answered } = started
  const slow = await connect()
  slow.socket.pause()
  ask(slow, 1)
  await until(() => answered() === 1)
  const others = await Promise.all(Array.from({ length: waiting }, connect))
  for (const client of others) ask(client, 1)
  await until(() => fetches() === 1 + waiting)
  return { ...started, others }
}

test('a fetch that waits for memory goes with its client, and nothing is read for it', async () => {
  const { others, answered, lent } = await crowd(3)
  const before = lent()
  for (const client of others) client.close()
  await until(() => answered() === 4)
  expect(lent()).toBe(before)
})

test('a fetch that waits for memory does not keep a server that closes', async () => {
  const { others, close, answered } = await crowd(1)
  const closing = close()
  const { value } = await others[0]!.answer('fetch', 11)
  expect([value.errorCode, value.responses]).toEqual([0, []])
  expect(answered()).toBe(2)
  void closing // the other client takes nothing: that ends with the drain
})

test('a long poll goes with its client, also while there is no memory to look again', async () => {
  const { connect, fetches, answered, lent } = await start({ 'queued.max.response.bytes': batchBytes })
  const polling = await connect()
  ask(polling, 1, { minBytes: 10 * topicBytes })
  await until(() => fetches() === 1 && lent() === 0)
  const slow = await connect()
  slow.socket.pause()
  ask(slow, 1)
  await until(() => answered() === 1)
  polling.close()
  await until(() => answered() === 2)
})
