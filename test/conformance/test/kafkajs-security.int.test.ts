import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
  type SASLOptions,
} from 'kafkajs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LibraryName, libraryNamed } from '../dist/kafkajs/library.js'
import { authority } from './certificates.ts'
import { SecureBroker, type SecureListener } from './secure-broker.ts'

const broker = new SecureBroker()
const { clock } = broker.ports

beforeAll(() => broker.start())
afterAll(() => broker.dispose())

function kafka(
  library: LibraryName,
  listener: SecureListener,
  username: string,
  mechanism: SASLOptions['mechanism'],
  password = `${username}-secret`,
) {
  const sasl = { mechanism, username, password } as SASLOptions
  const { Kafka, logLevel } = libraryNamed(library)
  return new Kafka({
    brokers: [broker.address(listener)],
    logLevel: logLevel.NOTHING,
    retry: { retries: 2, initialRetryTime: 50 },
    sasl,
    ...(listener === 'SASL_SSL' ? { ssl: { ca: [authority] } } : {}),
  })
}

const names: readonly LibraryName[] = ['kafkajs', 'millrace']
const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512'] as const
const listeners: readonly SecureListener[] = ['SASL_PLAINTEXT', 'SASL_SSL']
const ways = names.flatMap((library) =>
  listeners.flatMap((listener) => mechanisms.map((mechanism) => [library, listener, mechanism] as const)),
)

describe.each(ways)('%s over %s with %s', (library, listener, mechanism) => {
  test('logs in; and with one mechanism, goes on when its session has ended', async () => {
    const admin = kafka(library, listener, 'admin', mechanism).admin()
    await admin.connect()
    const until = clock.monotonicMs() + (mechanism === 'scram-sha-256' ? 2000 : 0)
    expect((await admin.describeCluster()).brokers).toHaveLength(1)
    while (clock.monotonicMs() < until) {
      expect((await admin.describeCluster()).brokers).toHaveLength(1)
      await clock.sleep(100)
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
