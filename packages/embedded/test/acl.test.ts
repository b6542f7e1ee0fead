import { Buffer } from 'node:buffer'
import type { Connection } from '@millrace/client/internal'
import { errorCodeOf } from '@millrace/kernel'
import { type ApiName, fill, type Partially, type RequestOf } from '@millrace/protocol/internal'
import { BatchBuilder, utf8Out } from '@millrace/record/internal'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { everyTopic, plain, SecureEngine } from './secure-engine.ts'

const types = { topic: 2, group: 3, cluster: 4, transactionalId: 5 } as const
const ops = {
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
} as const
type Needed = readonly [type: keyof typeof types, name: string, operation: keyof typeof ops]

let secure: SecureEngine
let bob: Connection
let admin: Connection

beforeAll(async () => {
  secure = await new SecureEngine({
    listeners: 'SASL_PLAINTEXT://127.0.0.1:0',
    'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
    'super.users': 'User:admin',
    'auto.create.topics.enable': true,
  }).start()
  await secure.addUser('admin', 'secret')
  await secure.addUser('bob', 'secret')
  admin = await secure.connect({ sasl: plain('admin', 'secret') })
  bob = await secure.connect({ sasl: plain('bob', 'secret') })
  await admin.send(
    'createTopics',
    fill('createTopics', 'request', {
      topics: [
        { name: 'orders', numPartitions: 1, replicationFactor: 1 },
        { name: 'hidden', numPartitions: 1, replicationFactor: 1 },
      ],
    }),
  )
})
afterAll(() => secure.stop())
afterEach(() =>
  admin.send('deleteAcls', fill('deleteAcls', 'request', { filters: [{ ...any, patternTypeFilter: 1 }] })),
)

const any = {
  resourceTypeFilter: 1,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
} as const

async function give(needed: Needed, permissionType = 3, resourcePatternType = 3): Promise<void> {
  const [type, resourceName, operation] = needed
  const creation = { resourceType: types[type], resourceName, resourcePatternType, principal: 'User:bob', host: '*' }
  const { results } = await admin.send('createAcls', {
    creations: [{ ...creation, operation: ops[operation], permissionType }],
  })
  expect(results).toEqual([{ errorCode: 0, errorMessage: null }])
}

/** The names of all error codes in an answer, at any depth. */
function errorsIn(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(errorsIn)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    if (/errorCode$/i.test(name) && typeof inner === 'number') return inner === 0 ? [] : [errorCodeOf(inner)]
    return errorsIn(inner)
  })
}

const batch = () => {
  const builder = new BatchBuilder()
  builder.append(1, null, utf8Out, 'value', utf8Out, null)
  return builder.build()
}

type Case<A extends ApiName> = readonly [A, Partially<RequestOf<A>>, denied: string, ...needed: Needed[]]
function ask<A extends ApiName>(...of: Case<A>) {
  const [api, partial, denied, ...needed] = of
  const send = () => bob.send(api, fill(api, 'request', partial))
  return { api, denied, needed, send }
}

const topicDenied = 'TOPIC_AUTHORIZATION_FAILED'
const groupDenied = 'GROUP_AUTHORIZATION_FAILED'
const clusterDenied = 'CLUSTER_AUTHORIZATION_FAILED'
const idDenied = 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED'
const inOrders = [{ partitionIndex: 0 }]
const txn = { transactionalId: 't', producerId: 1, producerEpoch: 0 }

const asked = [
  ask(
    'produce',
    { acks: -1, topicData: [{ name: 'orders', partitionData: [{ index: 0, records: batch() }] }] },
    topicDenied,
    ['topic', 'orders', 'write'],
  ),
  ask(
    'fetch',
    { maxBytes: 1000, topics: [{ topic: 'orders', partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }] },
    topicDenied,
    ['topic', 'orders', 'read'],
  ),
  ask(
    'listOffsets',
    { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, timestamp: -1 }] }] },
    topicDenied,
    ['topic', 'orders', 'describe'],
  ),
  ask('metadata', { topics: [{ name: 'orders' }] }, topicDenied, ['topic', 'orders', 'read']),
  ask(
    'metadata',
    { topics: [{ name: 'made' }], allowAutoTopicCreation: true },
    topicDenied,
    ['topic', 'made', 'describe'],
    ['topic', 'made', 'create'],
  ),
  ask(
    'offsetForLeaderEpoch',
    { topics: [{ topic: 'orders', partitions: [{ partition: 0, leaderEpoch: 0 }] }] },
    topicDenied,
    ['topic', 'orders', 'describe'],
  ),
  ask(
    'createTopics',
    { topics: [{ name: 'new', numPartitions: 1, replicationFactor: 1 }] },
    topicDenied,
    ['cluster', 'kafka-cluster', 'create'],
    ['topic', 'new', 'describeConfigs'],
  ),
  ask('createPartitions', { topics: [{ name: 'orders', count: 2 }], validateOnly: true }, topicDenied, [
    'topic',
    'orders',
    'alter',
  ]),
  ask('deleteRecords', { topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: 0 }] }] }, topicDenied, [
    'topic',
    'orders',
    'delete',
  ]),
  ask('deleteTopics', { topics: [{ name: 'new' }] }, topicDenied, ['topic', 'new', 'delete']),
  ask('describeConfigs', { resources: [{ resourceType: 2, resourceName: 'orders' }] }, topicDenied, [
    'topic',
    'orders',
    'alterConfigs',
  ]),
  ask('describeConfigs', { resources: [{ resourceType: 4, resourceName: '0' }] }, clusterDenied, [
    'cluster',
    'kafka-cluster',
    'describeConfigs',
  ]),
  ask(
    'incrementalAlterConfigs',
    { resources: [{ resourceType: 2, resourceName: 'orders', configs: [{ name: 'retention.ms', value: '1000' }] }] },
    topicDenied,
    ['topic', 'orders', 'alterConfigs'],
  ),
  ask('findCoordinator', { coordinatorKeys: ['g'] }, groupDenied, ['group', 'g', 'describe']),
  ask('findCoordinator', { keyType: 1, coordinatorKeys: ['t'] }, idDenied, ['transactionalId', 't', 'describe']),
  ask(
    'offsetFetch',
    { groups: [{ groupId: 'g', topics: [{ name: 'orders', partitionIndexes: [0] }] }] },
    groupDenied,
    ['group', 'g', 'describe'],
    ['topic', 'orders', 'describe'],
  ),
  ask(
    'offsetCommit',
    { groupId: 'g', topics: [{ name: 'orders', partitions: inOrders }] },
    groupDenied,
    ['group', 'g', 'read'],
    ['topic', 'orders', 'read'],
  ),
  ask(
    'offsetDelete',
    { groupId: 'g', topics: [{ name: 'orders', partitions: inOrders }] },
    groupDenied,
    ['group', 'g', 'delete'],
    ['topic', 'orders', 'read'],
  ),
  ask('describeGroups', { groups: ['g'] }, groupDenied, ['group', 'g', 'describe']),
  ask('deleteGroups', { groupsNames: ['nobody'] }, groupDenied, ['group', 'nobody', 'delete']),
  ask('initProducerId', { transactionalId: null, transactionTimeoutMs: 1000 }, clusterDenied, [
    'topic',
    'anything',
    'write',
  ]),
  ask('initProducerId', { transactionalId: null, transactionTimeoutMs: 1000 }, clusterDenied, [
    'cluster',
    'kafka-cluster',
    'idempotentWrite',
  ]),
  ask('initProducerId', { transactionalId: 't', transactionTimeoutMs: 1000 }, idDenied, [
    'transactionalId',
    't',
    'write',
  ]),
  ask('addOffsetsToTxn', { ...txn, groupId: 'g' }, idDenied, ['transactionalId', 't', 'write'], ['group', 'g', 'read']),
  ask('endTxn', { ...txn, committed: true }, idDenied, ['transactionalId', 't', 'write']),
  ask(
    'txnOffsetCommit',
    { ...txn, groupId: 'g', topics: [{ name: 'orders', partitions: inOrders }] },
    idDenied,
    ['transactionalId', 't', 'write'],
    ['group', 'g', 'read'],
    ['topic', 'orders', 'read'],
  ),
  ask('describeAcls', { ...any, patternTypeFilter: 1 }, clusterDenied, ['cluster', 'kafka-cluster', 'describe']),
  ask(
    'createAcls',
    {
      creations: [
        { resourceType: 2, resourceName: 'x', principal: 'User:x', host: '*', operation: 3, permissionType: 3 },
      ],
    },
    clusterDenied,
    ['cluster', 'kafka-cluster', 'alter'],
  ),
  ask('describeUserScramCredentials', { users: null }, clusterDenied, ['cluster', 'kafka-cluster', 'describe']),
  ask('alterUserScramCredentials', { deletions: [{ name: 'nobody', mechanism: 1 }] }, clusterDenied, [
    'cluster',
    'kafka-cluster',
    'alter',
  ]),
]

describe('each API is denied by its error without an ACL, after each ACL but the last, and not with all of them', () => {
  test.each(asked.map((one) => [one.api, one.needed.map((needed) => needed.join(' ')).join(', '), one] as const))(
    '%s: %s',
    async (_, __, { needed, denied, send }) => {
      const isDenied = async () => errorsIn(await send()).some((code) => code.endsWith('AUTHORIZATION_FAILED'))
      expect(errorsIn(await send())).toContain(denied)
      for (const acl of needed) {
        expect(await isDenied()).toBe(true)
        await give(acl)
      }
      expect(await isDenied()).toBe(false)
    },
  )
})

describe('what may not be described is not there', () => {
  test('in lists of topics and groups; a super user sees all', async () => {
    expect((await bob.send('metadata', everyTopic)).topics).toEqual([])
    await give(['topic', 'ord', 'write'], 3, 4)
    expect((await bob.send('metadata', everyTopic)).topics.map(({ name }) => name)).toEqual(['orders'])
    expect((await admin.send('metadata', everyTopic)).topics.map(({ name }) => name)).toContain('hidden')
    const groups = async () => (await bob.send('listGroups', fill('listGroups', 'request', {}))).groups.length
    await admin.send(
      'offsetCommit',
      fill('offsetCommit', 'request', { groupId: 'theirs', topics: [{ name: 'orders', partitions: inOrders }] }),
    )
    expect(await groups()).toBe(0)
    await give(['group', 'theirs', 'read'])
    expect(await groups()).toBe(1)
  })

  test('a denial wins over an allowance, and is counted', async () => {
    await give(['topic', 'orders', 'read'])
    await give(['topic', 'orders', 'read'], 2)
    const of = {
      maxBytes: 1000,
      topics: [{ topic: 'orders', partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }],
    }
    expect(errorsIn(await bob.send('fetch', fill('fetch', 'request', of)))).toEqual([topicDenied])
    const counted = [...secure.metrics.snapshot()].filter(([name]) => name.startsWith('millrace_broker_denied_total'))
    expect(counted.length).toBeGreaterThan(0)
  })

  test('a right that is taken away is gone at the next fetch, also within a session', async () => {
    await give(['topic', 'orders', 'read'])
    const { topics } = await admin.send('metadata', fill('metadata', 'request', { topics: [{ name: 'orders' }] }))
    const topicId = topics[0]?.topicId
    const partitions = [{ partition: 0, partitionMaxBytes: 1000 }]
    const full = { maxBytes: 1000, sessionEpoch: 0, topics: [{ topic: 'orders', topicId, partitions }] }
    const first = await bob.send('fetch', fill('fetch', 'request', full))
    expect(errorsIn(first)).toEqual([])
    await admin.send('deleteAcls', fill('deleteAcls', 'request', { filters: [{ ...any, patternTypeFilter: 1 }] }))
    await admin.send(
      'produce',
      fill('produce', 'request', {
        acks: -1,
        topicData: [{ name: 'orders', partitionData: [{ index: 0, records: batch() }] }],
      }),
    )
    expect(first.sessionId).not.toBe(0)
    const next = { maxBytes: 1000, sessionId: first.sessionId, sessionEpoch: 1 }
    const second = await bob.send('fetch', fill('fetch', 'request', next))
    expect(errorsIn(second)).toEqual([topicDenied])
    expect(second.responses.flatMap((topic) => topic.partitions.map(({ records }) => records?.length ?? 0))).toEqual([
      0,
    ])
  })
})

test('what is allowed is told, a bit for each operation', async () => {
  const of = { topics: [{ name: 'orders' }], includeTopicAuthorizedOperations: true }
  const bits = async (who: Connection) =>
    (await who.send('metadata', fill('metadata', 'request', of))).topics[0]?.topicAuthorizedOperations
  const all = [3, 4, 5, 6, 7, 8, 10, 11].reduce((sum, bit) => sum | (1 << bit), 0)
  expect(await bits(admin)).toBe(all)
  await give(['topic', 'orders', 'read'])
  expect(await bits(bob)).toBe((1 << 3) | (1 << 8))
})
