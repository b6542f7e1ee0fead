import { cooperativeStickyAssignor } from '@millrace/client'
import { clientContract } from './clients/client-contract.ts'
import type { ClientUnderTest, GotRecord } from './clients/client-under-test.ts'
import type { Session } from './exchange/session.ts'

const values = (records: readonly GotRecord[]) => records.map(({ value }) => value).join(' ')

async function send(client: ClientUnderTest, topic: string, partition: number, sent: readonly string[]): Promise<void> {
  const producer = await client.producer()
  for (const value of sent) await producer.send(topic, [{ partition, value }])
}

/** Until a group says so of itself: a coordinator hears of a member that goes a moment later. */
async function untilState(session: Session, client: ClientUnderTest, groupId: string, state: string): Promise<void> {
  const admin = await client.admin()
  await session.eventually(`${groupId} is ${state}`, async () => (await admin.describeGroup(groupId)).state === state)
}

clientContract('client-groups', {
  both: {
    'members share the partitions, and take over from one that goes': async (session, client) => {
      const topic = await session.topic('orders', { partitions: 4 })
      const groupId = session.name('group')
      const first = await client.member(groupId, [topic])
      session.note('alone', await first.holds(4))
      const second = await client.member(groupId, [topic])
      const [mine, other] = [await first.holds(2), await second.holds(2)]
      session.note('of both', [...mine, ...other].toSorted())
      for (const partition of [0, 1, 2, 3]) await send(client, topic, partition, [`${partition}`])
      const each = [await first.until(2), await second.until(2)]
      session.note('read by both', each.flatMap((got) => got.map(({ value }) => value)).toSorted())
      await second.leave()
      session.note('alone again', await first.holds(4))
    },

    'it goes on where it has committed': async (session, client) => {
      const topic = await session.topic('orders')
      const groupId = session.name('group')
      await send(client, topic, 0, ['a', 'b', 'c', 'd'])
      const first = await client.member(groupId, [topic])
      session.note('first', values(await first.until(4)))
      await first.commit(topic, { 0: 2 })
      await first.leave()
      const second = await client.member(groupId, [topic])
      session.note('second', values(await second.until(2)))
      const admin = await client.admin()
      session.note('committed', await admin.groupOffsets(groupId, topic))
      session.note('of a group that is none', await admin.groupOffsets(session.name('nobody'), topic))
    },

    'a group is described as long as it lives': async (session, client) => {
      const topic = await session.topic('orders', { partitions: 2 })
      const groupId = session.name('group')
      const admin = await client.admin()
      const member = await client.member(groupId, [topic])
      await member.holds(2)
      await untilState(session, client, groupId, 'Stable')
      session.note('with a member', await admin.describeGroup(groupId))
      session.note('listed', await admin.hasGroup(groupId))
      session.note('it cannot be deleted', await client.refusal(admin.deleteGroup(groupId)))
      await member.commit(topic, { 0: 0 })
      await member.leave()
      await untilState(session, client, groupId, 'Empty')
      session.note('without', await admin.describeGroup(groupId))
      await admin.deleteGroup(groupId)
      session.note('listed then', await admin.hasGroup(groupId))
      session.note('deleted twice', await client.refusal(admin.deleteGroup(groupId)))
    },

    'an empty group is moved': async (session, client) => {
      const topic = await session.topic('orders', { partitions: 2 })
      const groupId = session.name('group')
      await send(client, topic, 0, ['a', 'b', 'c'])
      await send(client, topic, 1, ['x', 'y', 'z'])
      const admin = await client.admin()
      await admin.setGroupOffsets(groupId, topic, { 0: 2, 1: 1 })
      session.note('set', await admin.groupOffsets(groupId, topic))
      const member = await client.member(groupId, [topic])
      session.note('read', (await member.until(3)).map(({ value }) => value).toSorted())
    },

    'two groups read the same': async (session, client) => {
      const topic = await session.topic('orders')
      await send(client, topic, 0, ['a', 'b'])
      const [one, two] = [session.name('one'), session.name('two')]
      const members = [await client.member(one, [topic]), await client.member(two, [topic])]
      for (const [i, member] of members.entries()) session.note(`read by ${i + 1}`, values(await member.until(2)))
      await members[0]?.commit(topic, { 0: 1 })
      const admin = await client.admin()
      session.note('committed by one', await admin.groupOffsets(one, topic))
      session.note('committed by two', await admin.groupOffsets(two, topic))
    },

    'partitions that are added are read': async (session, client) => {
      const topic = await session.topic('orders')
      const groupId = session.name('group')
      await send(client, topic, 0, ['a'])
      const before = await client.member(groupId, [topic])
      await before.until(1)
      await before.leave()
      await (await client.admin()).addPartitions(topic, 3)
      await session.ready(topic)
      await send(client, topic, 2, ['b'])
      const after = await client.member(groupId, [topic])
      session.note('held', await after.holds(3))
      session.note('read', (await after.until(2)).map(({ value, partition }) => [value, partition]).toSorted())
    },
  },

  ours: {
    'a cooperative member keeps what it keeps': async (session, client) => {
      const topic = await session.topic('orders', { partitions: 4 })
      const groupId = session.name('group')
      const assignors = [cooperativeStickyAssignor()]
      const revoked: number[] = []
      const options = { groupId, assignors, autoOffsetReset: 'earliest', heartbeatIntervalMs: 100 } as const
      const [first, second] = [client.client.consumer(options), client.client.consumer(options)]
      first.subscribe([topic], { onRevoked: (gone) => void revoked.push(gone.length) })
      while (first.assignment().length !== 4) await first.poll({ timeoutMs: 50 })
      second.subscribe([topic])
      const settled = () => first.assignment().length === 2 && second.assignment().length === 2
      while (!settled()) await Promise.all([first.poll({ timeoutMs: 50 }), second.poll({ timeoutMs: 50 })])
      session.note('revoked, round by round', revoked)
      const described = await client.client.admin().describeGroups([groupId])
      session.note(
        'protocol',
        described.map(({ protocol, state }) => [protocol, state]),
      )
    },

    'a static member has its place': async (session, client) => {
      const topic = await session.topic('orders', { partitions: 2 })
      const groupId = session.name('group')
      const options = { groupId, groupInstanceId: 'shelf-1', heartbeatIntervalMs: 100, sessionTimeoutMs: 6000 } as const
      const first = client.client.consumer(options)
      first.subscribe([topic])
      while (first.assignment().length !== 2) await first.poll({ timeoutMs: 50 })
      const generation = first.groupMetadata()?.generation
      const second = client.client.consumer(options)
      second.subscribe([topic])
      while (second.assignment().length !== 2) await second.poll({ timeoutMs: 50 })
      session.note('no new generation', second.groupMetadata()?.generation === generation)
      const fenced = async (): Promise<never> => {
        for (;;) await first.poll({ timeoutMs: 50 })
      }
      session.note('who was there before', await client.refusal(fenced()))
      const [described] = await client.client.admin().describeGroups([groupId])
      session.note(
        'described',
        described?.members.map(({ groupInstanceId, partitions }) => [groupInstanceId, partitions]),
      )
    },

    'positions of a group are forgotten one by one, and not while it reads them': async (session, client) => {
      const topic = await session.topic('orders', { partitions: 2 })
      const groupId = session.name('group')
      const admin = client.client.admin()
      const positions = async () =>
        [...(await admin.groupOffsets(groupId))].map(([at, { offset }]) => [at.partition, offset])
      const member = await client.member(groupId, [topic])
      await member.holds(2)
      await member.commit(topic, { 0: 1, 1: 2 })
      const set = (await client.admin()).setGroupOffsets(groupId, topic, { 0: 7 })
      session.note('set while it reads', await client.refusal(set))
      const forget = () => admin.deleteGroupOffsets(groupId, [{ topic, partition: 0 }])
      session.note('forgotten while it reads', await client.refusal(forget()))
      session.note('there', await positions())
      await member.leave()
      await untilState(session, client, groupId, 'Empty')
      await forget()
      session.note('one is left', await positions())
    },
  },
})
