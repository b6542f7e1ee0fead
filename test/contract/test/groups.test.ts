import { Buffer } from 'node:buffer'
import type { ApiName, Partially, RequestOf } from '@millrace/protocol/internal'
import { type Case, contract } from './exchange/contract.ts'
import { GroupMember, subscription, versions } from './exchange/group-member.ts'
import type { Session } from './exchange/session.ts'

/** Brings a fresh group into a state, and answers who is asked about: a member where there is one. */
const states: Readonly<Record<string, (session: Session, group: string) => Promise<GroupMember>>> = {
  'no group': (session, group) => GroupMember.of(session, group, 'one'),
  Empty: async (session, group) => {
    const one = await GroupMember.of(session, group, 'one')
    await one.join()
    await one.sync('', [one])
    await one.leave()
    await one.until('Empty')
    return one
  },
  PreparingRebalance: async (session, group) => {
    const one = await stable(session, group)
    const two = await GroupMember.of(session, group, 'two')
    void two.join().catch(() => {})
    await one.until('PreparingRebalance')
    return one
  },
  CompletingRebalance: async (session, group) => {
    const one = await GroupMember.of(session, group, 'one')
    await one.join()
    await one.until('CompletingRebalance')
    return one
  },
  Stable: stable,
}

async function stable(session: Session, group: string): Promise<GroupMember> {
  const one = await GroupMember.of(session, group, 'one')
  await one.join()
  await one.sync('', [one])
  await one.until('Stable')
  return one
}

type Question<A extends ApiName = ApiName> = readonly [api: A, version: number, request: Partially<RequestOf<A>>]

/** Everything that can be asked of a member, rightly and wrongly. */
const questions: Readonly<Record<string, (one: GroupMember, topic: string) => Question>> = {
  heartbeat: (one) => ['heartbeat', versions.heartbeat, one.beating()],
  'heartbeat of another generation': (one) => ['heartbeat', versions.heartbeat, one.beating({ generationId: 77 })],
  'heartbeat of nobody': (one) => ['heartbeat', versions.heartbeat, one.beating({ memberId: 'nobody' })],
  sync: (one) => {
    const assignments = [{ memberId: one.memberId, assignment: Buffer.from('all') }]
    return ['syncGroup', versions.syncGroup, one.syncing({ assignments })]
  },
  'sync of another generation': (one) => ['syncGroup', versions.syncGroup, one.syncing({ generationId: 77 })],
  'sync of nobody': (one) => ['syncGroup', versions.syncGroup, one.syncing({ memberId: 'nobody' })],
  'sync with another protocol': (one) => ['syncGroup', versions.syncGroup, one.syncing({ protocolName: 'other' })],
  'sync with another protocol type': (one) => ['syncGroup', versions.syncGroup, one.syncing({ protocolType: 'x' })],
  commit: (one, topic) => ['offsetCommit', versions.offsetCommit, one.committing(topic, 5)],
  'commit of another generation': (one, topic) => [
    'offsetCommit',
    versions.offsetCommit,
    one.committing(topic, 5, { generationIdOrMemberEpoch: 77 }),
  ],
  'commit of nobody': (one, topic) => [
    'offsetCommit',
    versions.offsetCommit,
    one.committing(topic, 5, { memberId: 'nobody' }),
  ],
  'commit from outside': (one, topic) => [
    'offsetCommit',
    versions.offsetCommit,
    one.committing(topic, 5, { memberId: '', generationIdOrMemberEpoch: -1 }),
  ],
  leave: (one) => ['leaveGroup', versions.leaveGroup, one.leaving()],
  'leave of nobody': (one) => [
    'leaveGroup',
    versions.leaveGroup,
    { groupId: one.group, members: [{ memberId: 'no' }] },
  ],
  join: (one) => ['joinGroup', versions.joinGroup, one.joining()],
  'join of nobody': (one) => ['joinGroup', versions.joinGroup, one.joining({ memberId: 'nobody' })],
  'join with another protocol': (one) => [
    'joinGroup',
    versions.joinGroup,
    one.joining({ protocols: [{ name: 'other', metadata: subscription('orders') }] }),
  ],
  'join with another protocol type': (one) => ['joinGroup', versions.joinGroup, one.joining({ protocolType: 'x' })],
  'deletion of the group': (one) => ['deleteGroups', 2, { groupsNames: [one.group] }],
  'deletion of offsets': (one, topic) => [
    'offsetDelete',
    0,
    { groupId: one.group, topics: [{ name: topic, partitions: [{ partitionIndex: 0 }] }] },
  ],
  description: (one) => ['describeGroups', 6, { groups: [one.group] }],
}

/** Every question in one state, each of a group of its own. */
function everyQuestion(state: string): Case {
  return async (session) => {
    const topic = await session.topic('orders')
    for (const [name, question] of Object.entries(questions)) {
      const one = await states[state]?.(session, session.name(`group of ${name}`))
      if (one === undefined) throw new Error(`no state ${state}`)
      const [api, version, request] = question(one, topic)
      await session.askBriefly(name, api, version, request, one.connection)
    }
  }
}

contract('groups', {
  ...Object.fromEntries(Object.keys(states).map((state) => [`${state}: every question`, everyQuestion(state)])),

  'every version of a life': async (session) => {
    const offered = (await session.connection()).versionsOf('joinGroup')
    for (const version of offered) {
      const one = await GroupMember.of(session, session.name(`group ${version}`), 'one')
      await one.join('join', {}, version)
      await session.ask('join again', 'joinGroup', version, one.joining(), { over: one.connection })
    }
    const group = session.name('group')
    const one = await GroupMember.of(session, group, 'one')
    await one.join()
    for (const version of (await session.connection()).versionsOf('syncGroup')) await one.sync('sync', [one], version)
    await session.everyVersion('heartbeat', 'heartbeat', () => one.beating())
    await session.everyVersion('described', 'describeGroups', { groups: [group, session.name('nothing')] })
    await session.everyVersion('leave of nobody', 'leaveGroup', {
      groupId: group,
      members: [{ memberId: 'nobody', groupInstanceId: null }],
    })
  },

  'two members': async (session) => {
    const group = session.name('group')
    const one = await GroupMember.of(session, group, 'one')
    const two = await GroupMember.of(session, group, 'two')
    await one.join('one joins')
    await one.sync('one syncs', [one])
    const second = two.join('two joins')
    await one.until('PreparingRebalance')
    await session.ask('one hears of it', 'heartbeat', 4, one.beating(), { over: one.connection })
    await Promise.all([second, one.join('one joins again')])
    const follower = two.leads ? one : two
    const leader = two.leads ? two : one
    const waiting = follower.sync('the follower syncs')
    await session.ask('a heartbeat while assignments are awaited', 'heartbeat', 4, follower.beating())
    await leader.sync('the leader syncs', [one, two])
    await waiting
    await session.ask('the group', 'describeGroups', 5, { groups: [group], includeAuthorizedOperations: true })
    await session.ask('the follower syncs once more', 'syncGroup', 5, follower.syncing(), { over: follower.connection })
    await two.leave()
    await session.ask('one hears that two is gone', 'heartbeat', 4, one.beating(), { over: one.connection })
    await one.join('one joins for the third time')
    await one.sync('and has all', [one])
  },

  'protocols in common': async (session) => {
    const group = session.name('group')
    const protocols = (...names: string[]) => ({
      protocols: names.map((name) => ({ name, metadata: subscription('orders', name) })),
    })
    const one = await GroupMember.of(session, group, 'one')
    const two = await GroupMember.of(session, group, 'two')
    await one.join('one can range and sticky', protocols('range', 'sticky'))
    await session.ask('none in common', 'joinGroup', 5, two.joining(protocols('other')), { over: two.connection })
    await session.ask('no protocol', 'joinGroup', 5, two.joining(protocols()), { over: two.connection })
    await session.ask('no type', 'joinGroup', 5, two.joining({ protocolType: '' }), { over: two.connection })
    const second = two.join('two can sticky alone', protocols('sticky', 'another'))
    await one.until('PreparingRebalance')
    await Promise.all([second, one.join('one joins again', protocols('range', 'sticky'))])
  },

  'bad joins': async (session) => {
    const ask = async (step: string, more: Partially<RequestOf<'joinGroup'>>, version = 5) => {
      const one = await GroupMember.of(session, session.name(`group of ${step}`), 'one')
      await session.ask(step, 'joinGroup', version, one.joining(more), { over: one.connection })
    }
    await ask('no group id', { groupId: '' })
    await ask('a session too short', { sessionTimeoutMs: 10 })
    await ask('a session too long', { sessionTimeoutMs: 10_000_000 })
    await ask('no protocol', { protocols: [] })
    await ask('no protocol type', { protocolType: '' })
    await ask('a member id of its own', { memberId: 'mine' })
    await ask('the same protocol twice', {
      protocols: [
        { name: 'range', metadata: subscription('orders', 'a') },
        { name: 'range', metadata: subscription('orders', 'b') },
      ],
    })
    await ask('a member id at once, before ids were given first', {}, 3)
    for (const groupId of ['', ' ']) {
      await session.ask(`heartbeat of "${groupId}"`, 'heartbeat', 4, { groupId, memberId: 'm' })
      await session.ask(`sync of "${groupId}"`, 'syncGroup', 5, { groupId, memberId: 'm' })
      await session.ask(`leave of "${groupId}"`, 'leaveGroup', 5, { groupId, members: [{ memberId: 'm' }] })
    }
  },

  'a member that stays away': async (session) => {
    const group = session.name('group')
    const one = await GroupMember.of(session, group, 'one')
    await one.join('', { sessionTimeoutMs: 2_000, rebalanceTimeoutMs: 2_000 })
    await one.sync('', [one])
    await one.until('Empty')
    await session.ask('its heartbeat then', 'heartbeat', 4, one.beating(), { over: one.connection })
    const waiting = await GroupMember.of(session, group, 'waiting')
    await session.ask('an id is given', 'joinGroup', 5, waiting.joining({ sessionTimeoutMs: 2_000 }), {
      over: waiting.connection,
    })
    await session.ask('the group of an id that nobody uses', 'describeGroups', 5, { groups: [group] })
  },

  'a member that does not come back for a rebalance': async (session) => {
    const group = session.name('group')
    const one = await GroupMember.of(session, group, 'one')
    const two = await GroupMember.of(session, group, 'two')
    await one.join('', { rebalanceTimeoutMs: 700 })
    await one.sync('', [one])
    await two.join('two joins, and one does not come', { rebalanceTimeoutMs: 700 })
    await session.ask('its heartbeat then', 'heartbeat', 4, one.beating(), { over: one.connection })
  },

  'static members': async (session) => {
    const group = session.name('group')
    const one = await GroupMember.of(session, group, 'one', 'seat-1')
    const two = await GroupMember.of(session, group, 'two', 'seat-2')
    await one.join('one joins')
    await one.sync('one syncs', [one])
    const second = two.join('two joins')
    await one.until('PreparingRebalance')
    await Promise.all([second, one.join('one joins again')])
    const waiting = two.sync('two syncs')
    await one.sync('one syncs for both', [one, two])
    await waiting
    const again = await GroupMember.of(session, group, 'two', 'seat-2')
    await again.join('two comes back as another process')
    await again.sync('and has what it had')
    await session.ask('the group', 'describeGroups', 5, { groups: [group] })
    await session.ask('the old two beats', 'heartbeat', 4, two.beating(), { over: two.connection })
    await session.ask('the old two syncs', 'syncGroup', 5, two.syncing(), { over: two.connection })
    const topic = await session.topic('orders')
    await session.ask('the old two commits', 'offsetCommit', 8, two.committing(topic, 1), { over: two.connection })
    await session.ask('the old two joins', 'joinGroup', 9, two.joining(), { over: two.connection })
    await session.ask('the old two leaves', 'leaveGroup', 5, two.leaving(), { over: two.connection })
    const leader = await GroupMember.of(session, group, 'one', 'seat-1')
    await leader.join('the leader comes back')
    await leader.sync('and has what it had, too', [])
    await session.ask('a seat that nobody has', 'heartbeat', 4, leader.beating({ groupInstanceId: 'seat-9' }))
    await session.ask('seats are taken away by name', 'leaveGroup', 5, {
      groupId: group,
      members: [
        { memberId: '', groupInstanceId: 'seat-2' },
        { memberId: '', groupInstanceId: 'seat-7' },
      ],
    })
    await session.ask('the leader hears of it', 'heartbeat', 4, leader.beating(), { over: leader.connection })
  },

  'a static leader that comes back with other wishes': async (session) => {
    const group = session.name('group')
    const one = await GroupMember.of(session, group, 'one', 'seat-1')
    await one.join('joins')
    await one.sync('syncs', [one])
    const again = await GroupMember.of(session, group, 'one', 'seat-1')
    await again.join('comes back', { protocols: [{ name: 'range', metadata: subscription('others') }] })
    const third = await GroupMember.of(session, group, 'one', 'seat-1')
    await third.join('comes back with another protocol', {
      protocols: [{ name: 'sticky', metadata: subscription('orders') }],
    })
  },

  'listing groups': async (session) => {
    const group = session.name('group')
    const one = await stable(session, group)
    const mine = (answer: unknown): unknown[] => {
      if (typeof answer !== 'object' || answer === null || !('groups' in answer) || !Array.isArray(answer.groups))
        return []
      return answer.groups.filter((listed) => JSON.stringify(listed).includes(group))
    }
    for (const [step, request] of [
      ['all', {}],
      ['stable ones', { statesFilter: ['Stable'] }],
      ['stable ones in capitals', { statesFilter: ['STABLE'] }],
      ['empty ones', { statesFilter: ['Empty'] }],
      ['a state that is none', { statesFilter: ['Sleeping'] }],
      ['classic ones', { typesFilter: ['classic'] }],
      ['consumer ones', { typesFilter: ['Consumer'] }],
      ['a type that is none', { typesFilter: ['whatever'] }],
    ] as const) {
      const answer = await session.ask('', 'listGroups', 5, request, { quiet: true })
      session.note(step, answer === 'closed' ? answer : { errorCode: answer.errorCode, groups: mine(answer) })
    }
    await one.leave()
    await one.until('Empty')
    const answer = await session.ask('', 'listGroups', 5, {}, { quiet: true })
    session.note('empty at last', mine(answer))
    await session.everyVersion('deleted', 'deleteGroups', { groupsNames: [group, session.name('nothing')] })
  },
})
