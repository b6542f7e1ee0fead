import { Buffer } from 'node:buffer'
import { type Clock, silentLog } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeNet, nodeRandom } from '@millrace/kernel/node'
import { SimClock, SimDisk } from '@millrace/kernel/sim'
import { encodeRequest, fill } from '@millrace/protocol/internal'
import { afterEach, describe, expect, test } from 'vitest'
import { openSecurity } from '../src/auth/security.ts'
import { Endpoints } from '../src/endpoints.ts'
import { type Server, serve } from '../src/server/serve.ts'
import { type GivenSettings, readSettings } from '../src/settings.ts'
import { type Answers, handlerOf } from './answers.ts'
import { RawClient } from './raw-client.ts'

const open: { close(): unknown }[] = []

afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each.close()
})

/** A server whose handler the test writes: what is tested is the server. */
async function start(answers: Answers, given: GivenSettings = {}, clock: Clock = nodeClock()) {
  const metrics = memoryMetrics()
  const handler = handlerOf(answers)
  const ports = {
    clock,
    disk: new SimDisk(),
    net: nodeNet(),
    random: nodeRandom(),
    metrics,
    log: silentLog,
  }
  const settings = readSettings(given)
  const server = await serve(
    {
      handler,
      settings,
      security: await openSecurity('/data', ports, settings),
      endpoints: new Endpoints(),
      ports,
      close: async () => {},
    },
    { port: 0 },
  )
  open.push(server)
  const refused = (reason: string) =>
    metrics.snapshot().get(`millrace_broker_connections_refused_total{reason="${reason}"}`)
  return { server, refused }
}

async function client(server: Server): Promise<RawClient> {
  const made = await RawClient.connect(server.port)
  open.push(made)
  return made
}

const versions = fill('apiVersions', 'response', { apiKeys: [{ apiKey: 18, minVersion: 0, maxVersion: 4 }] })
const versionsOnly: Answers = { apiVersions: () => versions }
const apiVersions = fill('apiVersions', 'request', {})
const never = <T>() => new Promise<T>(() => {})
const heartbeat = (groupId: string) => fill('heartbeat', 'request', { groupId, memberId: 'm' })
const fetchAnswer = (bytes: number) =>
  fill('fetch', 'response', {
    responses: [{ topic: 't', partitions: [{ partitionIndex: 0, records: Buffer.alloc(bytes) }] }],
  })

describe('what is no request costs its own connection, and is counted', () => {
  test.each([
    ['garbage', Buffer.from('GET / HTTP/1.1\r\n\r\n'), 'frame-size'],
    ['a frame of 2 GiB', Buffer.from([0x7f, 0xff, 0xff, 0xff, 0, 0]), 'frame-size'],
    ['a negative size', Buffer.from([0xff, 0xff, 0xff, 0xff]), 'frame-size'],
    ['a header cut short', Buffer.from([0, 0, 0, 3, 0, 18, 0]), 'malformed-header'],
    ['an api nobody knows', Buffer.from([0, 0, 0, 10, 3, 232, 0, 0, 0, 0, 0, 1, 255, 255]), 'unknown-api'],
    ['a version nobody knows', Buffer.from([0, 0, 0, 11, 0, 3, 0, 99, 0, 0, 0, 1, 255, 255, 0]), 'unsupported-version'],
    ['a body cut short', Buffer.from([0, 0, 0, 11, 0, 12, 0, 0, 0, 0, 0, 1, 255, 255, 0]), 'malformed-request'],
  ])('%s', async (_, bytes, reason) => {
    const { server, refused } = await start(versionsOnly)
    const good = await client(server)
    const bad = await client(server)
    bad.write(bytes)
    expect(await bad.next()).toBeUndefined()
    expect(refused(reason)).toBe(1)
    good.send('apiVersions', 3, 7, apiVersions)
    expect((await good.answer('apiVersions', 3)).correlationId).toBe(7)
  })

  test('half a request, then nothing more', async () => {
    const { server } = await start(versionsOnly)
    const bad = await client(server)
    bad.write(Buffer.from([0, 0, 0, 50, 0, 18]))
    bad.socket.end()
    await bad.ended
    const good = await client(server)
    good.send('apiVersions', 0, 1, apiVersions)
    expect((await good.answer('apiVersions', 0)).value.apiKeys).toEqual(versions.apiKeys)
  })

  test('a handler that throws', async () => {
    const { server, refused } = await start({
      heartbeat() {
        throw new Error('a bug')
      },
    })
    const bad = await client(server)
    bad.send('heartbeat', 4, 1, heartbeat('g'))
    expect(await bad.next()).toBeUndefined()
    expect(refused('handler-failed')).toBe(1)
  })

  test('one connection more than max.connections', async () => {
    const { server, refused } = await start(versionsOnly, { 'max.connections': 1 })
    const first = await client(server)
    first.send('apiVersions', 3, 1, apiVersions)
    await first.answer('apiVersions', 3)
    const second = await client(server)
    expect(await second.next()).toBeUndefined()
    expect(refused('too-many-connections')).toBe(1)
    first.send('apiVersions', 3, 2, apiVersions)
    expect((await first.answer('apiVersions', 3)).correlationId).toBe(2)
  })
})

test('ApiVersions in an unknown version is answered in the form of version 0', async () => {
  const { server } = await start(versionsOnly)
  const raw = await client(server)
  raw.write(Buffer.from([0, 0, 0, 11, 0, 18, 0, 77, 0, 0, 0, 9, 255, 255, 0]))
  const { correlationId, value } = await raw.answer('apiVersions', 0)
  expect([correlationId, value.errorCode]).toEqual([9, 35])
  expect(value.apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 4 }])
})

test('answers leave in the order of the requests, whichever is ready first', async () => {
  const release = new Map<string, () => void>()
  const { server } = await start({
    heartbeat: ({ groupId }) =>
      new Promise((resolve) => {
        release.set(groupId, () => resolve(fill('heartbeat', 'response', { errorCode: groupId.length })))
        if (release.size === 3) for (const name of ['ccc', 'bb', 'a']) release.get(name)?.()
      }),
  })
  const raw = await client(server)
  for (const [i, groupId] of ['a', 'bb', 'ccc'].entries()) raw.send('heartbeat', 4, i, heartbeat(groupId))
  const answers = [await raw.answer('heartbeat', 4), await raw.answer('heartbeat', 4), await raw.answer('heartbeat', 4)]
  expect(answers.map(({ correlationId, value }) => [correlationId, value.errorCode])).toEqual([
    [0, 1],
    [1, 2],
    [2, 3],
  ])
})

test('acks=0 is never answered; when it fails the connection ends', async () => {
  const { server, refused } = await start({
    ...versionsOnly,
    produce({ timeoutMs }) {
      const partition = { index: 0, errorCode: timeoutMs === 13 ? 3 : 0 }
      return fill('produce', 'response', { responses: [{ name: 't', partitionResponses: [partition] }] })
    },
  })
  const raw = await client(server)
  raw.send('produce', 9, 1, fill('produce', 'request', { acks: 0, timeoutMs: 1 }))
  raw.send('apiVersions', 3, 2, apiVersions)
  expect((await raw.answer('apiVersions', 3)).correlationId).toBe(2)
  raw.send('produce', 9, 3, fill('produce', 'request', { acks: 0, timeoutMs: 13 }))
  expect(await raw.next()).toBeUndefined()
  expect(refused('acks-0-failed')).toBe(1)
})

test('a client that does not read costs bounded memory, and goes on when it reads', async () => {
  const answerBytes = 1 << 20
  const asked = 200
  let handled = 0
  const { server } = await start(
    {
      fetch() {
        handled++
        return fetchAnswer(answerBytes)
      },
    },
    { 'connection.queue.max.bytes': 2 * answerBytes },
  )
  const slow = await client(server)
  slow.socket.pause()
  const other = await client(server)
  for (let i = 0; i < asked; i++) slow.send('fetch', 11, i, fill('fetch', 'request', { topics: [] }))
  // The others are served; enough of them that the slow one has been looked at, too.
  for (let i = 0; i < 50; i++) {
    other.send('fetch', 11, i, fill('fetch', 'request', { topics: [] }))
    await other.next()
  }
  // What the system's own buffers take (a few MiB), the bound, and the one that crossed it.
  expect(handled - 50).toBeLessThan(asked / 4)
  slow.socket.resume()
  for (let i = 0; i < asked; i++) expect((await slow.answer('fetch', 11)).correlationId).toBe(i)
  expect(handled).toBe(asked + 50)
})

test('requests beyond the bound wait in the socket, not in memory', async () => {
  let running = 0
  let most = 0
  const { server } = await start(
    {
      async heartbeat() {
        most = Math.max(most, ++running)
        await new Promise<void>((resolve) => queueMicrotask(resolve))
        await nodeClock().turn()
        running--
        return fill('heartbeat', 'response', {})
      },
    },
    { 'connection.request.queue.max': 4 },
  )
  const raw = await client(server)
  for (let i = 0; i < 1000; i++) raw.send('heartbeat', 4, i, heartbeat('g'))
  for (let i = 0; i < 1000; i++) expect((await raw.answer('heartbeat', 4)).correlationId).toBe(i)
  expect(most).toBe(4)
})

test('requests that together take too much memory cost the connection with the most of it', async () => {
  const { server, refused } = await start(
    { heartbeat: () => fill('heartbeat', 'response', {}) },
    {
      'queued.max.request.bytes': 3 << 20,
    },
  )
  const head = (bytes: number) => {
    const size = Buffer.alloc(4)
    size.writeInt32BE(bytes)
    return size
  }
  const large = await client(server)
  large.write(Buffer.concat([head(50 << 20), Buffer.alloc(5 << 19)]))
  const request = Buffer.concat(
    encodeRequest('heartbeat', 4, { correlationId: 1, clientId: 'raw' }, heartbeat('g')).pieces,
  ).subarray(4)
  // What follows a request is not looked at: it makes one of any size.
  const padded = Buffer.concat([head(1 << 20), request, Buffer.alloc((1 << 20) - request.length)])
  const small = await client(server)
  small.write(padded.subarray(0, 600_000))
  await large.ended
  expect(refused('request-memory')).toBe(1)
  small.write(padded.subarray(600_000))
  expect((await small.answer('heartbeat', 4)).correlationId).toBe(1)
  // What was answered, and what the other had, is not counted any more.
  for (let i = 0; i < 8; i++) {
    small.write(padded)
    expect((await small.answer('heartbeat', 4)).correlationId).toBe(1)
  }
  expect(refused('request-memory')).toBe(1)
})

test('closing answers what is under way, ends long polls, and takes no more: at once', async () => {
  const poll: Answers = {
    ...versionsOnly,
    fetch: (_, { closed }) => {
      return new Promise((resolve) => closed.addEventListener('abort', () => resolve(fetchAnswer(0))))
    },
  }
  const { server, refused } = await start(poll, {}, new SimClock()) // no time passes, so no drain can time out
  const polling = await client(server)
  polling.send('fetch', 11, 1, fill('fetch', 'request', { maxWaitMs: 60_000 }))
  polling.send('apiVersions', 3, 2, apiVersions)
  const idle = await client(server)
  idle.send('apiVersions', 3, 1, apiVersions)
  await idle.answer('apiVersions', 3)
  const closing = server.close()
  polling.send('fetch', 11, 3, fill('fetch', 'request', { maxWaitMs: 60_000 })) // as a consumer does
  await closing
  expect(refused('drain-timeout')).toBeUndefined()
  expect((await polling.answer('fetch', 11)).correlationId).toBe(1)
  expect((await polling.answer('apiVersions', 3)).correlationId).toBe(2)
  expect(await polling.next()).toBeUndefined()
  expect(await idle.next()).toBeUndefined()
  await expect(RawClient.connect(server.port)).rejects.toThrow('ECONNREFUSED')
})

test('a silent connection is closed after connections.max.idle.ms, one that waits for us is not', async () => {
  const clock = new SimClock()
  const { server, refused } = await start(
    { ...versionsOnly, fetch: () => never() },
    { 'connections.max.idle.ms': 5000 },
    clock,
  )
  const silent = await client(server)
  silent.send('apiVersions', 3, 1, apiVersions)
  await silent.answer('apiVersions', 3)
  const waiting = await client(server)
  waiting.send('apiVersions', 3, 1, apiVersions)
  waiting.send('fetch', 11, 2, fill('fetch', 'request', {}))
  await waiting.answer('apiVersions', 3)
  await clock.advance(20_000)
  expect(await silent.next()).toBeUndefined()
  expect([refused('idle'), server.connections]).toEqual([1, 1])
})

test('closing does not wait for ever', async () => {
  const clock = new SimClock()
  const { server, refused } = await start(
    { ...versionsOnly, fetch: () => never(), heartbeat: () => never() },
    {},
    clock,
  )
  const stuck = await client(server)
  stuck.send('apiVersions', 3, 1, apiVersions)
  stuck.send('heartbeat', 4, 2, heartbeat('g'))
  await stuck.answer('apiVersions', 3)
  const closing = server.close()
  await clock.advance(1000)
  await closing
  expect(await stuck.next()).toBeUndefined()
  expect(refused('drain-timeout')).toBe(1)
})

test('listening everywhere needs a name to advertise', async () => {
  const broker = { endpoints: new Endpoints(), settings: readSettings() }
  await expect(serve(broker as never, { host: '0.0.0.0', port: 0 })).rejects.toMatchObject({ code: 'CONFIG' })
})
