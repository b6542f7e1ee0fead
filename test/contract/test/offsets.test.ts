import { contract } from './exchange/contract.ts'
import { GroupMember } from './exchange/group-member.ts'

function committed(group: string, topic: string, partitions: readonly object[]) {
  return { groupId: group, generationIdOrMemberEpoch: -1, memberId: '', topics: [{ name: topic, partitions }] }
}

function wanted(group: string, topic: string, partitionIndexes: readonly number[] = [0, 1]) {
  return { groups: [{ groupId: group, topics: [{ name: topic, partitionIndexes }] }] }
}

contract('offsets', {
  'every version': async (session) => {
    const topic = await session.topic('orders', { partitions: 2 })
    const topicId = await session.topicId(topic)
    const group = session.name('group')
    const partitionsOf = (version: number) => [
      { partitionIndex: 0, committedOffset: version, committedMetadata: `v${version}` },
    ]
    await session.everyVersion(
      'commit by id',
      'offsetCommit',
      (version) => ({
        ...committed(group, topic, []),
        topics: [{ topicId, partitions: partitionsOf(version) }],
      }),
      { min: 10 },
    )
    await session.everyVersion('commit', 'offsetCommit', (version) => committed(group, topic, partitionsOf(version)), {
      max: 9,
    })
    await session.ask('commit with the epoch', 'offsetCommit', 8, {
      ...committed(group, topic, [
        { partitionIndex: 1, committedOffset: 7, committedLeaderEpoch: 0, committedMetadata: null },
      ]),
    })
    await session.ask('kept', 'offsetFetch', 8, wanted(group, topic))
    await session.ask(
      'a last commit',
      'offsetCommit',
      8,
      committed(group, topic, [{ partitionIndex: 0, committedOffset: 99 }]),
    )
    await session.everyVersion('fetch', 'offsetFetch', (version) =>
      version < 10
        ? wanted(group, topic, [0, 1, 5])
        : { groups: [{ groupId: group, topics: [{ topicId, partitionIndexes: [0, 1, 5] }] }] },
    )
    await session.everyVersion(
      'all of the group',
      'offsetFetch',
      { groups: [{ groupId: group, topics: null }] },
      { min: 2 },
    )
    const groups = [
      { groupId: group, topics: null },
      { groupId: session.name('nothing'), topics: null },
    ]
    await session.ask('two groups', 'offsetFetch', 8, { groups })
  },

  'bad commits': async (session) => {
    const topic = await session.topic('orders')
    const group = session.name('group')
    const commit = (step: string, partition: object, name = topic) =>
      session.ask(
        step,
        'offsetCommit',
        8,
        committed(group, name, [{ committedOffset: 5, partitionIndex: 0, ...partition }]),
      )
    await commit('a partition that is not there', { partitionIndex: 4 })
    await commit('a topic that is not there', {}, session.name('nothing'))
    await commit('a negative offset', { committedOffset: -7 })
    await commit('metadata too long', { committedMetadata: 'x'.repeat(5000) })
    await commit('metadata as long as it may be', { committedMetadata: 'x'.repeat(4096) })
    await session.ask(
      'no group id',
      'offsetCommit',
      8,
      committed('', topic, [{ partitionIndex: 0, committedOffset: 1 }]),
    )
    await session.ask('a generation without a member', 'offsetCommit', 8, {
      ...committed(session.name('other'), topic, [{ partitionIndex: 0, committedOffset: 1 }]),
      generationIdOrMemberEpoch: 3,
    })
    await session.ask('nothing to commit', 'offsetCommit', 8, {
      groupId: group,
      generationIdOrMemberEpoch: -1,
      topics: [],
    })
    await session.ask('kept', 'offsetFetch', 7, wanted(group, topic, [0]))
  },

  'fetching what is not there': async (session) => {
    const topic = await session.topic('orders')
    const group = session.name('group')
    await session.ask('an unknown group', 'offsetFetch', 7, wanted(group, topic))
    await session.ask('an unknown topic', 'offsetFetch', 7, wanted(group, session.name('nothing')))
    await session.ask('no group id', 'offsetFetch', 7, wanted('', topic))
    await session.ask('stable ones', 'offsetFetch', 7, { ...wanted(group, topic), requireStable: true })
    await session.ask('as a member with an epoch', 'offsetFetch', 9, {
      groups: [{ groupId: group, memberId: 'm', memberEpoch: 3, topics: null }],
    })
    await session.ask('no topic', 'offsetFetch', 8, { groups: [{ groupId: group, topics: [] }] })
  },

  'deleting offsets': async (session) => {
    const topic = await session.topic('orders', { partitions: 2 })
    const group = session.name('group')
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, committedOffset: 3 }))
    await session.ask('', 'offsetCommit', 8, committed(group, topic, partitions), { quiet: true })
    const of = (groupId: string, name: string, ...indexes: number[]) => ({
      groupId,
      topics: [{ name, partitions: indexes.map((partitionIndex) => ({ partitionIndex })) }],
    })
    await session.ask('one', 'offsetDelete', 0, of(group, topic, 0))
    await session.ask('one again, and one that is not there', 'offsetDelete', 0, of(group, topic, 0, 9))
    await session.ask('a topic that is not there', 'offsetDelete', 0, of(group, session.name('nothing'), 0))
    await session.ask('an unknown group', 'offsetDelete', 0, of(session.name('other'), topic, 0))
    await session.ask('no group id', 'offsetDelete', 0, of('', topic, 0))
    await session.ask('what is left', 'offsetFetch', 7, wanted(group, topic))
  },

  'offsets of a topic that is deleted': async (session) => {
    const topic = await session.topic('orders')
    const group = session.name('group')
    await session.ask('', 'offsetCommit', 8, committed(group, topic, [{ partitionIndex: 0, committedOffset: 3 }]), {
      quiet: true,
    })
    await session.ask('', 'deleteTopics', 5, { topics: [{ name: topic }], timeoutMs: 5000 }, { quiet: true })
    await session.eventually('its offset is gone', async () => {
      const answer = await session.ask('', 'offsetFetch', 7, wanted(group, topic, [0]), { quiet: true })
      return answer !== 'closed' && answer.groups[0]?.topics[0]?.partitions[0]?.committedOffset === -1
    })
    await session.ask('what is left', 'offsetFetch', 7, { groups: [{ groupId: group, topics: null }] })
  },

  'commits of members go on through a rebalance': async (session) => {
    const topic = await session.topic('orders')
    const group = session.name('group')
    const one = await GroupMember.of(session, group, 'one')
    await one.join()
    await one.sync('', [one])
    await session.ask('commits', 'offsetCommit', 8, one.committing(topic, 1), { over: one.connection })
    const two = await GroupMember.of(session, group, 'two')
    const joining = two.join()
    await one.until('PreparingRebalance')
    await session.ask('commits while others join', 'offsetCommit', 8, one.committing(topic, 2), {
      over: one.connection,
    })
    await Promise.all([joining, one.join()])
    await session.ask('commits before it has its part', 'offsetCommit', 8, one.committing(topic, 3), {
      over: one.connection,
    })
    await session.ask('kept', 'offsetFetch', 7, wanted(group, topic, [0]))
  },
})
