import { Buffer } from 'node:buffer'
import { setImmediate as turn } from 'node:timers/promises'
import { silentLog } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeNet, nodeRandom } from '@millrace/kernel/node'
import { SimClock, SimDisk } from '@millrace/kernel/sim'
import { fill, type RequestContext, type RequestOf } from '@millrace/protocol/internal'
import { afterEach, expect, test } from 'vitest'
import { openSecurity } from '../src/auth/security.ts'
import { Endpoints } from '../src/endpoints.ts'
import { serve } from '../src/server/serve.ts'
import { readSettings } from '../src/settings.ts'
import { handlerOf } from './answers.ts'
import { RawClient } from './raw-client.ts'

const MiB = 1024 * 1024
const partitionBytes = MiB - 1000
const fetchVersion = 11
/** Of the pool: eight connections that are answered 3 MiB each need more. */
const heldBytesMax = 16 * MiB

const open: { close(): unknown }[] = []
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

type Answer = (context: RequestContext, request: RequestOf<'fetch'>) => Promise<void> | void

/**
 * A server that reads its answers into lent memory: each byte of partition `p` of the fetch with session `s` says so.
 *
 * @param before runs when the memory is filled, before the answer is given
 */
async function start(before: Answer = () => {}, clock = nodeClock()) {
  const metrics = memoryMetrics()
  const answerFetch = async (request: RequestOf<'fetch'>, context: RequestContext) => {
    const { memory } = context
    if (memory === undefined) throw new Error('a fetch over a socket is lent memory')
    const partitions = Array.from({ length: request.maxBytes }, (_, partitionIndex) => {
      const records = memory.take(partitionBytes).fill(mark(request.sessionId, partitionIndex))
      return { partitionIndex, records }
    })
    await before(context, request)
    return fill('fetch', 'response', { sessionId: request.sessionId, responses: [{ topic: 't', partitions }] })
  }
  const ports = { clock, disk: new SimDisk(), net: nodeNet(), random: nodeRandom(), metrics, log: silentLog }
  const settings = readSettings({})
  const security = await openSecurity('/data', ports, settings)
  const handler = handlerOf({ fetch: answerFetch })
  const broker = { handler, settings, security, endpoints: new Endpoints(), ports, close: async () => {} }
  const server = await serve(broker, { port: 0 })
  open.push(server)
  const value = (name: string) => {
    const found = [...metrics.snapshot()].find(([each]) => each.startsWith(`millrace_broker_buffers_${name}`))
    return found?.[1] ?? Number.NaN
  }
  return {
    connect: async () => {
      const client = await RawClient.connect(server.port)
      open.push(client)
      return client
    },
    lent: () => value('lent_bytes'),
    held: () => value('held_bytes'),
  }
}

function mark(session: number, partition: number): number {
  return 1 + ((session * 16 + partition) % 255)
}

function ask(client: RawClient, session: number, partitions: number): void {
  const request = fill('fetch', 'request', { sessionId: session, maxBytes: partitions, topics: [] })
  client.send('fetch', fetchVersion, session, request)
}

/** Takes the next answer, and looks at each byte. */
async function take(client: RawClient, session: number, partitions: number): Promise<void> {
  const { correlationId, value } = await client.answer('fetch', fetchVersion)
  expect(correlationId).toBe(session)
  const rows = value.responses[0]?.partitions ?? []
  expect(rows).toHaveLength(partitions)
  for (const { partitionIndex, records } of rows) {
    const whole = Buffer.alloc(partitionBytes, mark(session, partitionIndex))
    if (records?.equals(whole) !== true) throw new Error(`fetch ${session} has bytes of another in ${partitionIndex}`)
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await turn()
}

test('a client that reads late gets its own bytes, whatever was read into memory meanwhile', async () => {
  const { connect, lent, held } = await start()
  const slow = await connect()
  slow.socket.pause()
  const slowPartitions = 8 // more than the buffers of the system take
  ask(slow, 1, slowPartitions)
  await until(() => lent() > 0)
  const others = [await connect(), await connect()]
  let session = 2
  for (let round = 0; round < 12; round++) {
    await Promise.all(
      others.map(async (client) => {
        const mine = session++
        ask(client, mine, 2)
        await take(client, mine, 2)
      }),
    )
  }
  expect(lent()).toBeGreaterThanOrEqual(slowPartitions * partitionBytes) // the slow one's, all of it
  slow.socket.resume()
  await take(slow, 1, slowPartitions)
  await until(() => lent() === 0)
  expect(held()).toBeGreaterThanOrEqual(slowPartitions * MiB) // for the next one
})

test('fetches of many connections at once, more than the pool holds', async () => {
  const { connect, lent, held } = await start(() => turn())
  const clients = await Promise.all(Array.from({ length: 8 }, connect))
  await Promise.all(
    clients.map(async (client, c) => {
      for (let i = 0; i < 5; i++) ask(client, c * 5 + i, 3)
      for (let i = 0; i < 5; i++) await take(client, c * 5 + i, 3)
    }),
  )
  await until(() => lent() === 0)
  expect(held()).toBeLessThanOrEqual(heldBytesMax)
  expect(held()).toBeGreaterThan(0)
})

test('connections that are cut in the midst of an answer give back what they were lent, and nothing of others', async () => {
  const { connect, lent } = await start()
  const steady = await connect()
  for (let round = 0; round < 10; round++) {
    const cut = await connect()
    ask(cut, 1000 + round, 8)
    const begun = new Promise((resolve) => cut.socket.once('data', resolve))
    ask(steady, round, 2)
    await begun
    cut.socket.resetAndDestroy()
    await take(steady, round, 2)
  }
  await until(() => lent() === 0)
})

test('a connection that goes before its fetch is answered gives back when the handler is through', async () => {
  let release: (() => void) | undefined
  let held = 0
  const { connect, lent } = await start((context) => {
    if (held++ > 0) return undefined
    return new Promise((resolve) => {
      context.closed.addEventListener('abort', () => {
        release = resolve
      })
    })
  })
  const gone = await connect()
  ask(gone, 1, 2)
  await until(() => lent() > 0)
  gone.close()
  await until(() => release !== undefined)
  expect(lent()).toBe(2 * partitionBytes) // its handler may still write there
  const other = await connect()
  ask(other, 2, 2)
  await take(other, 2, 2)
  release?.()
  await until(() => lent() === 0)
})

test('a handler that throws, and one that did not need what it took', async () => {
  const { connect, lent, held } = await start((context, { sessionId }) => {
    if (sessionId === 1) throw new Error('a bug')
    context.memory?.take(partitionBytes)
  })
  const failed = await connect()
  ask(failed, 1, 3)
  expect(await failed.next()).toBeUndefined()
  await until(() => lent() === 0)
  const other = await connect()
  ask(other, 2, 1)
  await take(other, 2, 1)
  await until(() => lent() === 0)
  expect(held()).toBe(3 * MiB)
})

test('memory that nobody needs any more is let go', async () => {
  const clock = new SimClock()
  const { connect, lent, held } = await start(() => {}, clock)
  const client = await connect()
  ask(client, 1, 4)
  await take(client, 1, 4)
  await until(() => lent() === 0)
  expect(held()).toBe(4 * MiB)
  await clock.advance(25_000)
  expect(held()).toBe(0)
})
