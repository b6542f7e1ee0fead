import { Buffer } from 'node:buffer'
import { nodeClock, nodeNet, nodeRandom } from '@millrace/kernel/node'
import {
  type ApiName,
  decodeRequest,
  decodeRequestHeader,
  encodeResponse,
  FrameSplitter,
  fill,
  type Partially,
  type ResponseOf,
} from '@millrace/protocol/internal'
import { afterEach, describe, expect, test } from 'vitest'
import { type SaslOptions, tcpTransport } from '../../src/index.ts'

const ports = { net: nodeNet(), clock: nodeClock(), random: nodeRandom() }
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

type Step = Partially<ResponseOf<'saslAuthenticate'>>

/** A broker that answers each step of a login as the test says, and keeps what it was sent. */
async function broker(steps: readonly Step[], handshake: Partially<ResponseOf<'saslHandshake'>> = {}) {
  const sent: Buffer[] = []
  const left = [...steps]
  const listener = await ports.net.listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    const splitter = new FrameSplitter(socket.remote)
    const answer = (frame: Buffer) => {
      const header = decodeRequestHeader(frame)
      const send = <A extends ApiName>(api: A, response: ResponseOf<A>) =>
        void socket.writeAll(encodeResponse(api, header.apiVersion, header.correlationId, response).pieces)
      if (header.apiKey === 17) return send('saslHandshake', fill('saslHandshake', 'response', handshake))
      if (header.apiKey !== 36) return send('apiVersions', fill('apiVersions', 'response', { apiKeys: spoken }))
      sent.push(Buffer.from(decodeRequest('saslAuthenticate', header, frame).authBytes))
      send('saslAuthenticate', fill('saslAuthenticate', 'response', left.shift() ?? {}))
    }
    return { data: (bytes) => splitter.push(bytes, answer), closed() {} }
  })
  closing.push(() => listener.close())
  const connect = async (sasl: SaslOptions) => {
    const transport = tcpTransport({ bootstrap: [`127.0.0.1:${listener.port}`], ports, sasl })
    const connection = await transport.connect(transport.bootstrap[0]!)
    closing.push(() => connection.close())
    return connection
  }
  return { sent, connect }
}

const spoken = [
  { apiKey: 17, minVersion: 0, maxVersion: 1 },
  { apiKey: 18, minVersion: 0, maxVersion: 4 },
  { apiKey: 36, minVersion: 0, maxVersion: 2 },
]
const claims = Buffer.from(JSON.stringify({ sub: 'alice' })).toString('base64url')
const token = `eyJhbGciOiJub25lIn0.${claims}.c2lnbmF0dXJl`

describe('oauthbearer (RFC 7628)', () => {
  test('the token and its extensions are sent as they should; it is fetched anew for each login', async () => {
    const { sent, connect } = await broker([{ sessionLifetimeMs: 50 }])
    let fetched = 0
    const connection = await connect({
      mechanism: 'oauthbearer',
      token: async () => {
        fetched++
        return { value: token, extensions: { logicalCluster: 'lkc-1' } }
      },
    })
    expect(connection.principal).toBe('User:alice')
    expect(sent[0]?.toString()).toBe(`n,,\u0001auth=Bearer ${token}\u0001logicalCluster=lkc-1\u0001\u0001`)
    while (fetched < 2 || sent.length < 2) await ports.clock.sleep(5)
    expect(sent[1]?.equals(sent[0]!)).toBe(true)
  })

  test('a token that is refused: the exchange is ended, and the reason is told without the token', async () => {
    const { sent, connect } = await broker([
      { authBytes: Buffer.from('{"status":"invalid_token"}') },
      { errorCode: 58 },
    ])
    const login = connect({ mechanism: 'oauthbearer', token: () => ({ value: token }) })
    await expect(login).rejects.toThrow(/refused the token: \{"status":"invalid_token"\}/)
    await expect(login).rejects.not.toThrow(new RegExp(claims))
    expect(sent[1]).toEqual(Buffer.from([1]))
  })

  test.each([
    ['an empty token', { value: '' }],
    ['a token with a line break', { value: 'a\nb' }],
    ['an extension called auth', { value: token, extensions: { auth: 'x' } }],
    ['an extension with byte 1', { value: token, extensions: { a: '\u0001' } }],
  ])('%s is not sent', async (_, given) => {
    const { sent, connect } = await broker([])
    const login = connect({ mechanism: 'oauthbearer', token: () => given })
    await expect(login).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
    expect(sent).toEqual([])
  })

  test('a provider that fails fails the login', async () => {
    const { connect } = await broker([])
    const login = connect({ mechanism: 'oauthbearer', token: () => Promise.reject(new Error('no issuer')) })
    await expect(login).rejects.toThrow(/no issuer/)
  })
})

test('a mechanism that the broker lacks: the error names those it has', async () => {
  const { connect } = await broker([], { errorCode: 33, mechanisms: ['SCRAM-SHA-512'] })
  const login = connect({ mechanism: 'plain', username: 'alice', password: 'secret' })
  await expect(login).rejects.toThrow(/does not offer PLAIN.*'scram-sha-512'/)
})

test('a server that accepts every proof and cannot make one itself is not believed', async () => {
  const { connect } = await broker([
    { authBytes: Buffer.from('r=mine,s=c2FsdA==,i=4096') },
    { authBytes: Buffer.from(`v=${Buffer.alloc(32).toString('base64')}`) },
  ])
  const login = connect({ mechanism: 'scram-sha-256', username: 'alice', password: 'secret' })
  await expect(login).rejects.toThrow(/not to be trusted/)
})

describe('options that cannot be are refused before anything starts, without the secret', () => {
  test.each([
    [{ mechanism: 'SCRAM-SHA-256', username: 'a', password: 'hush' }, /Did you mean 'scram-sha-256'/],
    [{ mechanism: 'plain', username: 'a' }, /sasl\.password.*environment/],
    [{ mechanism: 'plain', username: '', password: 'hush' }, /sasl\.username/],
    [{ mechanism: 'oauthbearer', token: 'hush' }, /must be a function/],
  ])('%j', (sasl, says) => {
    const make = () => tcpTransport({ bootstrap: ['a:1'], ports, sasl: sasl as never })
    expect(make).toThrow(says)
    expect(make).not.toThrow(/hush/)
  })
})
