import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, startEngine } from '@millrace/embedded'
import { silentLog } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeDisk, nodeNet, nodeRandom, nodeThreads } from '@millrace/kernel/node'
import { fill, type ScramMechanism, saltedPassword, scramMechanisms } from '@millrace/protocol/internal'
import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
  type SASLOptions,
} from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LibraryName, libraryNamed } from '../dist/kafkajs/library.js'
import { authority, server } from './certificates.ts'

const random = nodeRandom()
const ports = {
  clock: nodeClock(),
  disk: nodeDisk(),
  net: nodeNet(),
  threads: nodeThreads(),
  random,
  metrics: memoryMetrics(),
  log: silentLog,
}
const folder = mkdtempSync(join(tmpdir(), 'millrace-kafkajs-security-'))
let engine: Engine

beforeAll(async () => {
  engine = await startEngine({
    directory: folder,
    ports,
    settings: {
      listeners: 'SASL_PLAINTEXT://localhost:0,SASL_SSL://localhost:0',
      'ssl.keystore.certificate.chain': server.cert,
      'ssl.keystore.key': server.key,
      'authorizer.class.name': 'acl',
      'super.users': 'User:admin',
      'connections.max.reauth.ms': 1500,
    },
  })
  for (const name of ['admin', 'app']) await addUser(name)
})
afterAll(async () => {
  await engine.close()
  rmSync(folder, { recursive: true, force: true })
})

async function addUser(name: string): Promise<void> {
  const transport = engine.loopback()
  const connection = await transport.connect(transport.bootstrap[0]!)
  for (const mechanism of Object.keys(scramMechanisms) as ScramMechanism[]) {
    const salt = random.bytes(16)
    const salted = await saltedPassword(mechanism, `${name}-secret`, salt, 4096)
    const number = scramMechanisms[mechanism].wire
    const upsertions = [{ name, mechanism: number, iterations: 4096, salt, saltedPassword: salted }]
    await connection.send('alterUserScramCredentials', fill('alterUserScramCredentials', 'request', { upsertions }))
  }
  await connection.close()
}

function kafka(
  library: LibraryName,
  listener: string,
  username: string,
  mechanism: SASLOptions['mechanism'],
  password = `${username}-secret`,
) {
  const port = engine.listeners.find(({ name }) => name === listener)?.port
  const sasl = { mechanism, username, password } as SASLOptions
  const { Kafka, logLevel } = libraryNamed(library)
  return new Kafka({
    brokers: [`localhost:${port}`],
    logLevel: logLevel.NOTHING,
    retry: { retries: 2, initialRetryTime: 50 },
    sasl,
    ...(listener === 'SASL_SSL' ? { ssl: { ca: [authority] } } : {}),
  })
}

const names: readonly LibraryName[] = ['kafkajs', 'millrace']
const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
const ways = names.flatMap((library) =>
  ['SASL_PLAINTEXT', 'SASL_SSL'].flatMap((listener) =>
    mechanisms.map((mechanism) => [library, listener, mechanism] as const),
  ),
)

describe.each(ways)('%s over %s with %s', (library, listener, mechanism) => {
  test('logs in; and with one mechanism, goes on when its session has ended', async () => {
    const admin = kafka(library, listener, 'admin', mechanism).admin()
    await admin.connect()
    const until = ports.clock.monotonicMs() + (mechanism === 'scram-sha-256' ? 2000 : 0)
    expect((await admin.describeCluster()).brokers).toHaveLength(1)
    while (ports.clock.monotonicMs() < until) {
      expect((await admin.describeCluster()).brokers).toHaveLength(1)
      await ports.clock.sleep(100)
    }
    await admin.disconnect()
  })

  test('is told that the password is wrong', async () => {
    const admin = kafka(library, listener, 'admin', mechanism, 'guess').admin()
    await expect(admin.connect()).rejects.toMatchObject({ name: 'KafkaJSSASLAuthenticationError' })
  })
})

test.each(names)('%s sets ACLs, and a client may do what they say, no more', async (library) => {
  const admin = kafka(library, 'SASL_SSL', 'admin', 'scram-sha-512').admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic: 'orders' }, { topic: 'secrets' }] })
  const acl = {
    resourceType: AclResourceTypes.TOPIC,
    resourceName: 'ord',
    resourcePatternType: ResourcePatternTypes.PREFIXED,
    principal: 'User:app',
    host: '*',
    operation: AclOperationTypes.WRITE,
    permissionType: AclPermissionTypes.ALLOW,
  }
  expect(await admin.createAcls({ acl: [acl] })).toBe(true)
  const app = kafka(library, 'SASL_PLAINTEXT', 'app', 'scram-sha-256')
  const producer = app.producer()
  await producer.connect()
  await producer.send({ topic: 'orders', messages: [{ value: 'one' }] })
  await expect(producer.send({ topic: 'secrets', messages: [{ value: 'one' }] })).rejects.toMatchObject({
    name: 'KafkaJSNonRetriableError',
    cause: { type: 'TOPIC_AUTHORIZATION_FAILED' },
  })
  await producer.disconnect()
  const filter = {
    resourceType: AclResourceTypes.ANY,
    resourcePatternType: ResourcePatternTypes.ANY,
    operation: AclOperationTypes.ANY,
    permissionType: AclPermissionTypes.ANY,
  }
  const { resources } = await admin.describeAcls(filter)
  expect(resources.map(({ resourceName, acls }) => [resourceName, acls.length])).toEqual([['ord', 1]])
  const { filterResponses } = await admin.deleteAcls({ filters: [filter] })
  expect(filterResponses.map(({ matchingAcls }) => matchingAcls.length)).toEqual([1])
  await admin.disconnect()
})
