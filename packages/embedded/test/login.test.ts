import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fill } from '@millrace/protocol/internal'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { everyTopic, plain, SecureEngine, scram } from './secure-engine.ts'

const listeners = 'SASL_PLAINTEXT://127.0.0.1:0,PLAINTEXT://127.0.0.1:0'

let secure: SecureEngine
beforeEach(async () => {
  secure = await new SecureEngine({ listeners, 'connection.failed.authentication.delay.ms': 1 }).start()
  await secure.addUser('alice', 'alice=secret,')
})
afterEach(() => secure.stop())

describe('who knows the password gets in', () => {
  test.each([
    ['plain', plain('alice', 'alice=secret,')],
    ['scram-sha-256', scram('alice', 'alice=secret,')],
    ['scram-sha-512', scram('alice', 'alice=secret,', 512)],
  ])('%s', async (_, sasl) => {
    const connection = await secure.connect({ sasl })
    expect(connection.principal).toBe('User:alice')
    const { brokers } = await connection.send('metadata', everyTopic)
    expect(brokers).toEqual([expect.objectContaining({ host: '127.0.0.1', port: secure.port() })])
  })

  test('after a restart too; and what is on disk has no password in it', async () => {
    await secure.stopEngine()
    const path = join(secure.directory, 'security/__security-0')
    const bytes = Buffer.concat(readdirSync(path).map((name) => readFileSync(join(path, name))))
    expect(bytes.includes('alice')).toBe(true)
    expect(bytes.includes('secret,')).toBe(false)
    await secure.start()
    await secure.connect({ sasl: scram('alice', 'alice=secret,') })
  })

  test('a user that was changed, with the new password only; one that was removed, not at all', async () => {
    await secure.addUser('alice', 'another')
    await secure.connect({ sasl: plain('alice', 'another') })
    await expect(secure.connect({ sasl: plain('alice', 'alice=secret,') })).rejects.toThrow(/alice was refused/)
    const deletions = [1, 2].map((mechanism) => ({ name: 'alice', mechanism }))
    const { results } = await secure.inProcess('alterUserScramCredentials', { deletions, upsertions: [] })
    expect(results).toEqual([{ user: 'alice', errorCode: 0, errorMessage: null }])
    await expect(secure.connect({ sasl: scram('alice', 'another') })).rejects.toThrow(/alice was refused/)
  })
})

describe('who does not is told so, counted, and learns nothing', () => {
  test.each([
    ['plain, a wrong password', plain('alice', 'guess')],
    ['plain, a user that does not exist', plain('bob', 'guess')],
    ['scram, a wrong password', scram('alice', 'guess')],
    ['scram, a user that does not exist', scram('bob', 'guess', 512)],
  ])('%s', async (_, sasl) => {
    await expect(secure.connect({ sasl })).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
    await expect(secure.connect({ sasl })).rejects.not.toThrow(/guess/)
    expect(secure.refused('login-failed')).toBe(2)
  })

  test('a mechanism that is not offered: the error names those that are', async () => {
    const sasl = { mechanism: 'oauthbearer', token: () => ({ value: 'token' }) } as const
    await expect(secure.connect({ sasl })).rejects.toThrow(/does not offer OAUTHBEARER.*'plain', 'scram-sha-256'/)
  })

  test('an unknown user has a salt that is always the same, as a known one has', async () => {
    const first = async (name: string) => {
      const connection = await secure.connect({ listener: 'SASL_PLAINTEXT' }).catch((error: unknown) => error)
      expect(connection).not.toBeInstanceOf(Error) // ApiVersions comes before the login
      if (connection instanceof Error || typeof connection !== 'object' || connection === null) return ''
      const { send } = connection as Awaited<ReturnType<typeof secure.connect>>
      const ask = send.bind(connection)
      await ask('saslHandshake', { mechanism: 'SCRAM-SHA-256' })
      const { authBytes } = await ask('saslAuthenticate', { authBytes: Buffer.from(`n,,n=${name},r=nonce`) })
      return authBytes.toString('utf8').replace(/^r=[^,]*,/, '')
    }
    const [alice, bob, carol] = [await first('alice'), await first('bob'), await first('carol')]
    expect(bob).toMatch(/^s=[A-Za-z0-9+/]{32},i=4096$/)
    expect(alice).toMatch(/^s=[A-Za-z0-9+/=]+,i=4096$/)
    expect(bob).not.toBe(carol)
    expect(await first('bob')).toBe(bob)
    await secure.stopEngine()
    await secure.start()
    expect(await first('bob')).toBe(bob)
  })
})

describe('the state of a login', () => {
  test('nothing but ApiVersions before it', async () => {
    const connection = await secure.connect()
    await connection.send('apiVersions', fill('apiVersions', 'request', { clientSoftwareName: 'x' }))
    await expect(connection.send('metadata', everyTopic)).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    expect(secure.refused('illegal-sasl-state')).toBe(1)
  })

  test('nothing else between its steps', async () => {
    const connection = await secure.connect()
    await connection.send('saslHandshake', { mechanism: 'PLAIN' })
    await expect(
      connection.send('apiVersions', fill('apiVersions', 'request', { clientSoftwareName: 'x' })),
    ).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
  })

  test('a step without a handshake, and a handshake after the login, are illegal', async () => {
    const connection = await secure.connect()
    const early = await connection.send('saslAuthenticate', { authBytes: Buffer.from('\0alice\0alice=secret,') })
    expect(early.errorCode).toBe(34)
    const done = await secure.connect({ sasl: plain('alice', 'alice=secret,') })
    expect((await done.send('saslHandshake', { mechanism: 'PLAIN' })).errorCode).toBe(34)
    expect((await done.send('metadata', everyTopic)).errorCode).toBe(0)
  })

  test('requests behind the last step wait for it', async () => {
    const connection = await secure.connect()
    const answers = await Promise.all([
      connection.send('saslHandshake', { mechanism: 'PLAIN' }),
      connection.send('saslAuthenticate', { authBytes: Buffer.from('\0alice\0alice=secret,') }),
      connection.send('metadata', everyTopic),
    ])
    expect(answers.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0])
  })

  test('a listener without login says so', async () => {
    await expect(secure.connect({ listener: 'PLAINTEXT', sasl: plain('alice', 'x') })).rejects.toThrow(
      /asks for no login.*Leave `sasl` out/,
    )
  })
})
