import {
  AclOperations,
  AclPermissionTypes,
  Admin,
  type BaseOptions,
  Consumer,
  Producer,
  ResourcePatternTypes,
  ResourceTypes,
  type SASLMechanismValue,
  stringDeserializers,
  stringSerializers,
} from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { kafkaErrors } from '../dist/platformatic/world.js'
import { authority } from './certificates.ts'
import { SecureBroker, type SecureListener } from './secure-broker.ts'

const broker = new SecureBroker()
const { clock } = broker.ports

beforeAll(() => broker.start())
afterAll(() => broker.dispose())

function options(
  listener: SecureListener,
  username: string,
  mechanism: SASLMechanismValue,
  password = `${username}-secret`,
): BaseOptions {
  return {
    clientId: 'conformance',
    bootstrapBrokers: [broker.address(listener)],
    retries: 0,
    sasl: { mechanism, username, password },
    ...(listener === 'SASL_SSL' ? { tls: { ca: [authority] } } : {}),
  }
}

const ways = (['SASL_PLAINTEXT', 'SASL_SSL'] as const).flatMap((listener) =>
  (['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const).map((mechanism) => [listener, mechanism] as const),
)

describe.each(ways)('@platformatic/kafka 1.35.0 over %s with %s', (listener, mechanism) => {
  test('logs in; and with one mechanism, goes on when its session has ended', async () => {
    const admin = new Admin(options(listener, 'admin', mechanism))
    const until = clock.monotonicMs() + (mechanism === 'SCRAM-SHA-256' ? 2000 : 0)
    expect((await admin.metadata({ topics: [] })).brokers.size).toBe(1)
    while (clock.monotonicMs() < until) {
      expect((await admin.metadata({ topics: [], forceUpdate: true })).brokers.size).toBe(1)
      await clock.sleep(100)
    }
    await admin.close()
  })

  test('is told that the password is wrong', async () => {
    const admin = new Admin(options(listener, 'admin', mechanism, 'guess'))
    const refused = admin.metadata({ topics: [] }).then(() => [], kafkaErrors)
    expect(await refused).toContain('SASL_AUTHENTICATION_FAILED')
    await admin.close()
  })
})

test('@platformatic/kafka sets ACLs, and a client may do what they say, no more', async () => {
  const admin = new Admin(options('SASL_SSL', 'admin', 'SCRAM-SHA-512'))
  await admin.createTopics({ topics: ['orders', 'secrets'], partitions: 1, replicas: 1 })
  const acl = (operation: 3 | 4, resourceType: 2 | 3, resourceName: string) => ({
    ...{ resourceType, resourceName, resourcePatternType: ResourcePatternTypes.PREFIXED },
    ...{ principal: 'User:app', host: '*', operation, permissionType: AclPermissionTypes.ALLOW },
  })
  const creations = [
    acl(AclOperations.WRITE, ResourceTypes.TOPIC, 'ord'),
    acl(AclOperations.READ, ResourceTypes.TOPIC, 'ord'),
    acl(AclOperations.READ, ResourceTypes.GROUP, 'app-'),
  ]
  await admin.createAcls({ creations })
  const app = options('SASL_PLAINTEXT', 'app', 'SCRAM-SHA-256')
  const producer = new Producer({ ...app, serializers: stringSerializers, autocreateTopics: false })
  await producer.send({ messages: [{ topic: 'orders', value: 'one' }] })
  const refused = producer.send({ messages: [{ topic: 'secrets', value: 'one' }] }).then(() => [], kafkaErrors)
  expect(await refused).toContain('TOPIC_AUTHORIZATION_FAILED')
  await producer.close()

  const consumer = new Consumer({ ...app, groupId: 'app-1', deserializers: stringDeserializers, maxWaitTime: 100 })
  for await (const { value } of await consumer.consume({ topics: ['orders'], mode: 'earliest' })) {
    expect(value).toBe('one')
    break
  }
  await consumer.close(true)
  const stranger = new Consumer({ ...app, groupId: 'other', deserializers: stringDeserializers })
  const shut = stranger.consume({ topics: ['orders'] }).then(() => [], kafkaErrors)
  expect(await shut).toContain('GROUP_AUTHORIZATION_FAILED')
  await stranger.close(true)

  const { ANY } = ResourceTypes
  const any = { resourceType: ANY, resourceName: null, resourcePatternType: ResourcePatternTypes.ANY }
  const anybody = { principal: null, host: null, operation: AclOperations.ANY, permissionType: AclPermissionTypes.ANY }
  const described = await admin.describeAcls({ filter: { ...any, ...anybody } })
  expect(described.map(({ resourceName, acls }) => [resourceName, acls.length]).sort()).toEqual([
    ['app-', 1],
    ['ord', 2],
  ])
  expect(await admin.deleteAcls({ filters: [{ ...any, ...anybody }] })).toHaveLength(3)
  await admin.close()
})
