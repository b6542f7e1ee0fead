import { Buffer } from 'node:buffer'
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { everyTopic, hasty, SecureEngine } from './secure-engine.ts'

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const short = generateKeyPairSync('rsa', { modulusLength: 1024 })
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const folder = mkdtempSync(join(tmpdir(), 'millrace-jwks-'))
const file = join(folder, 'keys.json')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function publish(...keys: readonly { readonly kid: string; readonly publicKey: KeyObject }[]): void {
  const jwks = keys.map(({ kid, publicKey }) => ({ kid, ...publicKey.export({ format: 'jwk' }) }))
  writeFileSync(file, JSON.stringify({ keys: jwks }))
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = () => Math.floor(Date.now() / 1000)
const right = () => ({ sub: 'alice', iss: 'https://issuer', aud: ['other', 'kafka'], exp: seconds() + 60 })

/** A token with the claims of a right one, and what is different. */
function token(privateKey: KeyObject, alg: string, claims: object = {}, header: object = {}): string {
  const signed = `${part({ alg, ...header })}.${part({ ...right(), ...claims })}`
  const key = alg.startsWith('ES') ? { key: privateKey, dsaEncoding: 'ieee-p1363' as const } : privateKey
  const hash = `sha${alg.slice(2)}`
  return `${signed}.${sign(hash, Buffer.from(signed), key).toString('base64url')}`
}

let secure: SecureEngine
beforeEach(async () => {
  publish(
    { kid: 'r', publicKey: rsa.publicKey },
    { kid: 'e', publicKey: ec.publicKey },
    { kid: 's', publicKey: short.publicKey },
  )
  secure = await new SecureEngine({
    listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
    'sasl.enabled.mechanisms': 'OAUTHBEARER',
    'sasl.oauthbearer.jwks.endpoint.url': pathToFileURL(file).href,
    'sasl.oauthbearer.expected.issuer': 'https://issuer',
    'sasl.oauthbearer.expected.audience': 'kafka',
    'sasl.oauthbearer.clock.skew.seconds': 5,
    'connection.failed.authentication.delay.ms': 1,
  }).start()
})
afterEach(() => secure.stop())

const login = (value: string) => secure.connect({ sasl: { mechanism: 'oauthbearer', token: () => ({ value }) } })

describe('a token that is right', () => {
  test.each([
    ['RS256', () => token(rsa.privateKey, 'RS256')],
    ['RS512 and its key by name', () => token(rsa.privateKey, 'RS512', {}, { kid: 'r' })],
    ['ES256', () => token(ec.privateKey, 'ES256')],
    ['for one audience', () => token(ec.privateKey, 'ES256', { aud: 'kafka' })],
    ['run out within the skew', () => token(ec.privateKey, 'ES256', { exp: seconds() - 1 })],
  ])('%s', async (_, make) => {
    const connection = await login(make())
    expect(connection.principal).toBe('User:alice')
  })

  test('its user is known to the broker, and keys that are added are taken without a restart', async () => {
    await expect(login(token(other.privateKey, 'ES256'))).rejects.toThrow(/refused the token/)
    publish({ kid: 'o', publicKey: other.publicKey })
    const connection = await login(token(other.privateKey, 'ES256'))
    expect((await connection.send('metadata', everyTopic)).errorCode).toBe(0)
    await expect(login(token(rsa.privateKey, 'RS256'))).rejects.toThrow(/refused the token/)
    writeFileSync(file, '{"keys":')
    await login(token(other.privateKey, 'ES256'))
    expect(secure.logged).toContain('the keys of tokens cannot be read; the old ones stay')
  })
})

test('a login ends with its token; our client brings another in time', async () => {
  const make = () => ({ value: token(ec.privateKey, 'ES256', { exp: seconds() + 4 }) })
  let made = 0
  const sasl = {
    mechanism: 'oauthbearer',
    token: () => {
      made++
      return make()
    },
  } as const
  const connection = await secure.connect({ sasl, clock: hasty(secure.ports.clock) })
  while (made < 2) expect((await connection.send('metadata', everyTopic)).errorCode).toBe(0)
  expect((await connection.send('metadata', everyTopic)).errorCode).toBe(0)
})

describe('a token that is not', () => {
  const none = () => `${part({ alg: 'none' })}.${part(right())}.`
  test.each([
    ['signed by nobody', none],
    ['"none", with a signature', () => `${none()}c2lnbmVk`],
    ['signed by somebody else', () => token(other.privateKey, 'ES256')],
    ['signed with a key that is too short', () => token(short.privateKey, 'RS256')],
    ['said to be signed with another key', () => token(rsa.privateKey, 'RS256', {}, { kid: 'e' })],
    ['asking for what is not understood', () => token(rsa.privateKey, 'RS256', {}, { crit: ['b64'] })],
    [
      'changed afterwards',
      () => token(ec.privateKey, 'ES256').replace(/\.[^.]*\./, `.${part({ ...right(), sub: 'admin' })}.`),
    ],
    ['run out', () => token(ec.privateKey, 'ES256', { exp: seconds() - 10 })],
    ['without an end', () => token(ec.privateKey, 'ES256', { exp: undefined })],
    ['not yet valid', () => token(ec.privateKey, 'ES256', { nbf: seconds() + 60 })],
    ['of another issuer', () => token(ec.privateKey, 'ES256', { iss: 'https://elsewhere' })],
    ['for somebody else', () => token(ec.privateKey, 'ES256', { aud: ['other'] })],
    ['about nobody', () => token(ec.privateKey, 'ES256', { sub: undefined })],
    ['no token at all', () => 'abc'],
  ])('%s is refused, and the login counted as failed', async (_, make) => {
    await expect(login(make())).rejects.toMatchObject({ code: 'SASL_AUTHENTICATION_FAILED' })
    while (secure.refused('login-failed') === 0) await secure.ports.clock.sleep(5)
  })
})

test('without keys the server does not start', async () => {
  await secure.stop()
  writeFileSync(file, '{"keys":[]}')
  await expect(secure.start()).rejects.toThrow(/jwks\.endpoint\.url: cannot be used: it holds no key that signs/)
})
