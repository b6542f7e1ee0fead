import { Buffer } from 'node:buffer'
import * as net from 'node:net'
import { encodeRequest, FrameSplitter, fill } from '@millrace/protocol/internal'
import { afterEach, describe, expect, test } from 'vitest'
import { everyTopic, hasty, plain, SecureEngine, scram } from './secure-engine.ts'

const listeners = 'SASL_PLAINTEXT://127.0.0.1:0'

let secure: SecureEngine
afterEach(() => secure.stop())

async function start(settings: ConstructorParameters<typeof SecureEngine>[0]): Promise<void> {
  secure = await new SecureEngine({ listeners, ...settings }).start()
  await secure.addUser('alice', 'secret')
}

/** A socket that says nothing by itself, and the frames it gets. */
async function silent(port: number) {
  const socket = net.connect(port, '127.0.0.1')
  const frames: Buffer[] = []
  let got: () => void = () => {}
  const splitter = new FrameSplitter('test')
  socket.on('data', (chunk) => splitter.push(chunk, (frame) => void frames.push(frame)) ?? got())
  socket.on('error', () => {})
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
  const next = async () => {
    while (frames.length === 0) {
      await new Promise<void>((resolve) => {
        got = resolve
        void closed.then(resolve)
      })
      if (socket.destroyed && frames.length === 0) return undefined
    }
    return frames.shift()
  }
  return { socket, closed, next }
}

describe('a session that ends (KIP-368)', () => {
  test('our client logs in again before, and nothing is lost in between', async () => {
    await start({ 'connections.max.reauth.ms': 1500 })
    for (const sasl of [plain('alice', 'secret'), scram('alice', 'secret', 512)]) {
      const connection = await secure.connect({ sasl, clock: hasty(secure.ports.clock) })
      const until = secure.ports.clock.monotonicMs() + 1800
      while (secure.ports.clock.monotonicMs() < until) {
        const both = await Promise.all([
          connection.send('metadata', everyTopic),
          connection.send('metadata', everyTopic),
        ])
        expect(both.map(({ errorCode }) => errorCode)).toEqual([0, 0])
      }
    }
    expect(secure.refused('session-expired')).toBe(0)
  })

  test('who does not is cut off at the next request; who would become somebody else too', async () => {
    await start({ 'connections.max.reauth.ms': 150, 'connection.failed.authentication.delay.ms': 1 })
    await secure.addUser('bob', 'secret')
    const log = async (name: string) => {
      const connection = await secure.connect()
      await connection.send('saslHandshake', { mechanism: 'PLAIN' })
      const answer = await connection.send('saslAuthenticate', { authBytes: Buffer.from(`\0${name}\0secret`) })
      expect(answer).toMatchObject({ errorCode: 0, sessionLifetimeMs: 150 })
      return connection
    }
    const idle = await log('alice')
    const changed = await log('alice')
    await changed.send('saslHandshake', { mechanism: 'PLAIN' })
    const other = await changed.send('saslAuthenticate', { authBytes: Buffer.from('\0bob\0secret') })
    expect(other.errorMessage).toBe('Cannot change principals during re-authentication from User:alice: User:bob')
    await secure.ports.clock.sleep(200)
    await expect(idle.send('metadata', everyTopic)).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    expect(secure.refused('session-expired')).toBe(1)
  })
})

describe('who does not log in does not stay', () => {
  test('a connection that says nothing is closed', async () => {
    await start({ 'connection.login.timeout.ms': 100 })
    const { closed } = await silent(secure.port())
    await closed
    expect(secure.refused('login-timeout')).toBe(1)
  })

  test('one address has a bound', async () => {
    await start({ 'max.connections.per.ip': 2 })
    const first = await silent(secure.port())
    await silent(secure.port())
    await (await silent(secure.port())).closed
    expect(secure.refused('too-many-from-address')).toBe(1)
    first.socket.destroy()
    for (;;) {
      const again = await secure.connect({ sasl: plain('alice', 'secret') }).catch(() => undefined)
      if (again !== undefined) break // once the server has seen the first one go
    }
  })
})

test('a large request is refused before the login, and taken after it', async () => {
  await start({})
  const large = fill('metadata', 'request', {
    topics: Array.from({ length: 40_000 }, (_, i) => ({ name: `none-${i}` })),
  })
  const { socket, closed } = await silent(secure.port())
  const size = Buffer.alloc(4)
  size.writeInt32BE(600_000)
  socket.write(size)
  await closed
  expect(secure.refused('frame-size')).toBe(1)
  const connection = await secure.connect({ sasl: plain('alice', 'secret') })
  const { topics } = await connection.send('metadata', { ...large, allowAutoTopicCreation: false })
  expect(topics).toHaveLength(40_000)
})

describe('a handshake of version 0: the bytes of the mechanism without any header', () => {
  test.each([
    ['the right password', '\0alice\0secret', true],
    ['a wrong one', '\0alice\0guess', false],
  ])('%s', async (_, bytes, getsIn) => {
    await start({ 'connection.failed.authentication.delay.ms': 1 })
    const { socket, next } = await silent(secure.port())
    const header = { correlationId: 7, clientId: 'old' }
    for (const piece of encodeRequest('saslHandshake', 0, header, { mechanism: 'PLAIN' }).pieces) socket.write(piece)
    expect((await next())?.readInt32BE(0)).toBe(7)
    const size = Buffer.alloc(4)
    size.writeInt32BE(bytes.length)
    socket.write(Buffer.concat([size, Buffer.from(bytes)]))
    expect((await next())?.length).toBe(getsIn ? 0 : undefined)
    expect(secure.refused('login-failed')).toBe(getsIn ? 0 : 1)
    socket.destroy()
  })
})
