import type { Connection } from '@millrace/client/internal'
import { fill } from '@millrace/protocol/internal'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { any, asked, batch, errorsIn, inOrders, type Needed, ops, topicDenied, types } from './acl-cases.ts'
import { everyTopic, plain, SecureEngine } from './secure-engine.ts'

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

async function give(needed: Needed, permissionType = 3, resourcePatternType = 3): Promise<void> {
  const [type, resourceName, operation] = needed
  const creation = { resourceType: types[type], resourceName, resourcePatternType, principal: 'User:bob', host: '*' }
  const { results } = await admin.send('createAcls', {
    creations: [{ ...creation, operation: ops[operation], permissionType }],
  })
  expect(results).toEqual([{ errorCode: 0, errorMessage: null }])
}

describe('each API is denied by its error without an ACL, after each ACL but the last, and not with all of them', () => {
  test.each(asked.map((one) => [one.api, one.needed.map((needed) => needed.join(' ')).join(', '), one] as const))(
    '%s: %s',
    async (_, __, { needed, denied, send }) => {
      const isDenied = async () => errorsIn(await send(bob)).some((code) => code.endsWith('AUTHORIZATION_FAILED'))
      expect(errorsIn(await send(bob))).toContain(denied)
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
