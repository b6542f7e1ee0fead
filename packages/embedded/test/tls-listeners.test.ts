import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { type Connection, fill } from '@millrace/protocol/internal'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { alice, authority, renewed, server, stranger } from './certificates.ts'
import { everyTopic, SecureEngine, scram } from './secure-engine.ts'

const ca = authority
const settings = {
  listeners: 'INSIDE://127.0.0.1:0,OUTSIDE://localhost:0,SSL://127.0.0.1:0',
  'listener.security.protocol.map': 'INSIDE:PLAINTEXT,OUTSIDE:SASL_SSL',
  'advertised.listeners': 'OUTSIDE://broker.example:7777',
  'ssl.keystore.certificate.chain': server.cert,
  'ssl.keystore.key': server.key,
  'ssl.truststore.certificates': authority,
  'listener.name.ssl.ssl.client.auth': 'required',
}

let secure: SecureEngine
afterEach(() => secure.stop())

/** The organisation in the certificate that a listener shows. */
function shownBy(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: 'localhost', port, ca }, () => {
      resolve(String(socket.getPeerCertificate().subject.O))
      socket.destroy()
    })
    socket.once('error', reject)
  })
}

describe('a listener each for inside and outside', () => {
  beforeEach(async () => {
    secure = await new SecureEngine(settings).start()
    await secure.addUser('alice', 'secret')
  })

  test('each answers with the address it is reached by', async () => {
    const outside = await secure.connect({
      listener: 'OUTSIDE',
      host: 'localhost',
      tls: { ca },
      sasl: scram('alice', 'secret'),
    })
    expect(outside.principal).toBe('User:alice')
    const group = fill('findCoordinator', 'request', { coordinatorKeys: ['g'] })
    for (const [connection, host, port] of [
      [outside, 'broker.example', 7777],
      [await secure.connect({ listener: 'INSIDE' }), '127.0.0.1', secure.port('INSIDE')],
    ] as const) {
      const where = expect.objectContaining({ host, port })
      expect((await connection.send('metadata', everyTopic)).brokers).toEqual([where])
      expect((await connection.send('describeCluster', fill('describeCluster', 'request', {}))).brokers).toEqual([
        where,
      ])
      expect((await connection.send('findCoordinator', group)).coordinators).toEqual([where])
    }
  })

  test('a client without the authority, or with plain text, does not get in; the others are not disturbed', async () => {
    const sasl = scram('alice', 'secret')
    await expect(secure.connect({ listener: 'OUTSIDE', tls: {}, sasl })).rejects.toMatchObject({
      code: 'CONNECTION_REFUSED',
    })
    await expect(secure.connect({ listener: 'OUTSIDE', sasl })).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    await secure.connect({ listener: 'OUTSIDE', host: 'localhost', tls: { ca }, sasl })
  })
})

test('what several readers fetch at once, over TLS and in plain text, is what lies in the log', async () => {
  secure = await new SecureEngine(settings).start()
  const all = Array.from({ length: 9 }, (_, p) => p) // an answer of 9 MiB does not fit the system's buffers
  const client = secure.client({ listener: 'INSIDE' })
  await client.admin().createTopics([{ name: 't', partitions: all.length }])
  const producer = client.producer()
  const value = (partition: number, i: number) => Buffer.alloc(20_000, `${partition}:${i};`)
  for (let i = 0; i < 55; i++) {
    await Promise.all(all.map((partition) => producer.send({ topic: 't', partition, value: value(partition, i) })))
  }
  /** The batches by partition, asked for in an order that begins with `first`. */
  const readBy = async (connection: Connection, first: number) => {
    const order = all.map((p) => (first + p) % all.length)
    const partitions = order.map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 }))
    const asked = fill('fetch', 'request', { topics: [{ topic: 't', partitions }], maxBytes: 1 << 24 })
    const { responses } = await connection.send('fetch', asked, { versionMax: 12 }) // by name
    const rows = responses[0]?.partitions ?? []
    return all.map((p) => rows.find(({ partitionIndex }) => partitionIndex === p)?.records ?? Buffer.alloc(0))
  }
  const transport = secure.engine.loopback()
  const expected = await readBy(await transport.connect(transport.bootstrap[0]!), 0)
  expect(expected.map((records) => records.length > 900_000)).not.toContain(false)
  const readers = [
    await secure.connect({ listener: 'SSL', tls: { ca, ...alice } }),
    await secure.connect({ listener: 'SSL', tls: { ca, ...alice } }),
    await secure.connect({ listener: 'INSIDE' }),
    await secure.connect({ listener: 'INSIDE' }),
  ]
  await Promise.all(
    readers.map(async (reader, first) => {
      for (let i = 0; i < 4; i++) {
        const records = await readBy(reader, first + i)
        expect(records.map((each, p) => each.equals(expected[p]!))).not.toContain(false)
      }
    }),
  )
})

describe('certificates of clients', () => {
  const aliceName = 'User:CN=alice,OU=Builders,O=Millrace\\, Tests,C=CH'

  test('one that is trusted is its own login, by its name', async () => {
    secure = await new SecureEngine({
      ...settings,
      'authorizer.class.name': 'acl',
      'super.users': aliceName,
    }).start()
    const connection = await secure.connect({ listener: 'SSL', tls: { ca, ...alice } })
    const acl = { resourceType: 2, resourceName: 'x', resourcePatternType: 3, principal: aliceName, host: '*' }
    const { results } = await connection.send('createAcls', {
      creations: [{ ...acl, operation: 3, permissionType: 3 }],
    })
    expect(results).toEqual([{ errorCode: 0, errorMessage: null }])
    const inside = await secure.connect({ listener: 'INSIDE' })
    const refused = await inside.send('createAcls', { creations: [{ ...acl, operation: 4, permissionType: 3 }] })
    expect(refused.results).toEqual([{ errorCode: 31, errorMessage: 'Authorization failed.' }])
  })

  test.each([
    ['required', 'none is shown', undefined, false],
    ['required', 'nobody we trust has signed it', stranger, false],
    ['requested', 'none is shown', undefined, true],
    ['requested', 'nobody we trust has signed it', stranger, false],
    ['requested', 'it is trusted', alice, true],
  ])('%s, and %s', async (auth, _, shown, getsIn) => {
    secure = await new SecureEngine({ ...settings, 'listener.name.ssl.ssl.client.auth': auth }).start()
    const come = secure.connect({ listener: 'SSL', tls: { ca, ...shown } })
    if (getsIn) await come
    else await expect(come).rejects.toThrow()
  })
})

describe('PEM files', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-pem-'))
  const keystore = join(folder, 'server.pem')
  const write = ({ cert, key }: typeof server) => writeFileSync(keystore, `${key}${cert}`)
  const fromFile = {
    listeners: 'SSL://127.0.0.1:0',
    'ssl.keystore.location': keystore,
    'ssl.reload.interval.ms': 100,
  }
  afterEach(() => rmSync(keystore, { force: true }))

  test('new ones are taken without a restart; what is wrong leaves the old', async () => {
    write(server)
    secure = await new SecureEngine(fromFile).start()
    const open = await secure.connect({ listener: 'SSL', tls: { ca } })
    expect(await shownBy(secure.port('SSL'))).toBe('Millrace Tests')
    write(renewed)
    while ((await shownBy(secure.port('SSL'))) !== 'Renewed') await secure.ports.clock.sleep(20)
    writeFileSync(keystore, 'no certificate')
    while (!secure.logged.some((message) => message.includes('cannot be renewed'))) await secure.ports.clock.sleep(20)
    expect(await shownBy(secure.port('SSL'))).toBe('Renewed')
    expect((await open.send('metadata', everyTopic)).errorCode).toBe(0)
  })

  test.each([
    ['a file that is not there', {}, /ssl\.keystore\.location: names a file that is not there/],
    ['a key that is not the one of the certificate', { cert: server.cert, key: stranger.key }, /certificate and key/],
    ['no key', { cert: server.cert, key: '' }, /there is no private key/],
  ])('%s is said at the start', async (_, pair, says) => {
    if ('cert' in pair) write(pair)
    secure = new SecureEngine(fromFile)
    await expect(secure.start()).rejects.toThrow(says)
    await expect(secure.start()).rejects.not.toThrow(/BEGIN/)
  })
})
