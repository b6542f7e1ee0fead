import { contract } from './exchange/contract.ts'
import { GroupMember, subscription } from './exchange/group-member.ts'
import type { Session } from './exchange/session.ts'

/** A commit of a group without members, in the last version that says how long it is to be kept. */
async function kept(session: Session, step: string, groupId: string, topic: string, retentionTimeMs: number) {
  const partitions = [{ partitionIndex: 0, committedOffset: 5, committedMetadata: 'note' }]
  const request = { groupId, generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: topic, partitions }] }
  await session.ask(step, 'offsetCommit', 4, { ...request, retentionTimeMs })
}

async function offsets(session: Session, groupId: string): Promise<string> {
  const groups = [{ groupId, topics: null }]
  return JSON.stringify(await session.ask('', 'offsetFetch', 8, { groups }, { quiet: true }))
}

const gone = (session: Session, groupId: string, topic: string) =>
  session.eventually(`what ${groupId} has committed of ${topic} lapses`, async () => {
    const all = await offsets(session, groupId)
    return !all.includes(topic)
  })

async function described(session: Session, step: string, groupId: string): Promise<void> {
  await session.ask(step, 'describeGroups', 5, { groups: [groupId] })
}

const slots = 8

contract(
  'limits',
  {
    'offsets are kept as long as their commit says': async (session) => {
      const [short, long] = [await session.topic('short'), await session.topic('long')]
      const group = session.name('group')
      await kept(session, 'a moment', group, short, 1)
      await kept(session, 'an hour', group, long, 3_600_000)
      await gone(session, group, short)
      await session.ask('left', 'offsetFetch', 8, { groups: [{ groupId: group, topics: null }] })
      await described(session, 'the group', group)
      await kept(session, 'a moment, now', group, long, 1)
      await gone(session, group, long)
      await session.eventually('the group is gone with its last offset', async () => {
        const listed = await session.ask('', 'listGroups', 4, {}, { quiet: true })
        return !JSON.stringify(listed).includes(group)
      })
      await described(session, 'the group without offsets', group)
    },

    'what a member reads does not lapse': async (session) => {
      const [read, unread] = [await session.topic('read'), await session.topic('unread')]
      const group = session.name('group')
      const member = await GroupMember.of(session, group, 'one')
      await member.join('', { protocols: [{ name: 'range', metadata: subscription(read) }] })
      await member.sync('', [member])
      for (const topic of [read, unread]) {
        const request = { ...member.committing(topic, 7), retentionTimeMs: 1, groupInstanceId: null }
        await session.ask(`commit of ${topic === read ? 'read' : 'unread'}`, 'offsetCommit', 4, request)
      }
      await gone(session, group, unread)
      await session.ask('with the member', 'offsetFetch', 8, { groups: [{ groupId: group, topics: null }] })
      await session.ask('', 'leaveGroup', 5, member.leaving(), { quiet: true, over: member.connection })
      await gone(session, group, read)
    },

    'a group is full': async (session) => {
      const group = session.name('group')
      const members: GroupMember[] = []
      for (const name of ['one', 'two', 'three']) members.push(await GroupMember.of(session, group, name))
      const [one, two, three] = members
      if (one === undefined || two === undefined || three === undefined) throw new Error('three members')
      await one.join()
      await one.sync('', [one])
      const joining = two.join()
      await one.until('PreparingRebalance')
      await Promise.all([one.join(), joining])
      await session.ask('one too many', 'joinGroup', 3, three.joining(), { over: three.connection })
      await session.ask('one too many, by a newer version', 'joinGroup', 9, three.joining(), { over: three.connection })
    },

    'topics that stay': async (session) => {
      const topic = await session.topic('orders')
      await session.everyVersion('deleted', 'deleteTopics', { topics: [{ name: topic }], timeoutMs: 5000 })
    },

    'fetch sessions are given while there is room': async (session) => {
      const topic = await session.topic('orders')
      const topics = [{ topic, partitions: [{ partition: 0, partitionMaxBytes: 1000 }] }]
      const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1000, sessionId: 0, sessionEpoch: 0, topics }
      const given = new Set<number>()
      // Apache Kafka has eight places for sessions, and one of them is tried at random.
      for (let i = 0; i < slots * 40; i++) {
        const answer = await session.ask('', 'fetch', 12, request, { quiet: true })
        if (answer !== 'closed' && answer.errorCode === 0) given.add(answer.sessionId)
      }
      session.note('how many', given.size - 1)
      session.note('others are read for without', given.has(0))
      const [first = 0] = [...given].filter((id) => id !== 0)
      const rest = { ...request, sessionId: first, sessionEpoch: 1, topics: [] }
      const [answer] = [await session.ask('', 'fetch', 12, rest, { quiet: true })]
      session.note('one that has its place', answer === 'closed' ? answer : answer.errorCode)
    },
  },
  {
    'offsets.retention.check.interval.ms': 300,
    'max.incremental.fetch.session.cache.slots': slots,
    'group.max.size': 2,
    'delete.topic.enable': false,
  },
)
