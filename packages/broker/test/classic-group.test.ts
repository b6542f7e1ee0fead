import { describe, expect, test } from 'vitest'
import { GroupBench, rebalanceMs, sessionMs } from './group-bench.ts'

type State = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead'

/** A group in the state, with the claim of a member that it has, or had. */
function inState(state: State): { bench: GroupBench; memberId: string; generation: number } {
  const bench = new GroupBench()
  switch (state) {
    case 'Empty': {
      const { memberId, generation } = bench.stable()
      bench.group.leave(memberId, null, bench.nowMs)
      return { bench, memberId, generation }
    }
    case 'PreparingRebalance': {
      const { memberId, generation } = bench.stable()
      bench.join() // a second one has come, the first has not yet joined again
      return { bench, memberId, generation }
    }
    case 'CompletingRebalance':
      return { bench, ...bench.joined() }
    case 'Stable':
      return { bench, ...bench.stable() }
    case 'Dead': {
      const claim = bench.stable()
      bench.group.die('COORDINATOR_NOT_AVAILABLE', bench.nowMs)
      return { bench, ...claim }
    }
  }
}

const states: readonly State[] = ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable', 'Dead']

describe('what each request gets in each state', () => {
  test.each(states)('%s is reached', (state) => {
    expect(inState(state).bench.group.state).toBe(state)
  })

  test.each([
    ['Empty', 'UNKNOWN_MEMBER_ID'],
    ['PreparingRebalance', 'REBALANCE_IN_PROGRESS'],
    ['CompletingRebalance', 'NONE'],
    ['Stable', 'NONE'],
    ['Dead', 'UNKNOWN_MEMBER_ID'],
  ] as const)('heartbeat in %s: %s', (state, code) => {
    const { bench, memberId, generation } = inState(state)
    expect(bench.heartbeat(memberId, generation)).toBe(code)
  })

  test.each([
    ['Empty', 'UNKNOWN_MEMBER_ID'],
    ['PreparingRebalance', 'REBALANCE_IN_PROGRESS'],
    ['CompletingRebalance', 'NONE'],
    ['Stable', 'NONE'],
    ['Dead', 'UNKNOWN_MEMBER_ID'],
  ] as const)('sync of the leader in %s: %s', (state, code) => {
    const { bench, memberId, generation } = inState(state)
    expect(bench.sync(memberId, generation, { [memberId]: 'x' }).answer?.error).toBe(code)
  })

  test.each([
    ['Empty', 'UNKNOWN_MEMBER_ID'],
    ['PreparingRebalance', 'NONE'],
    ['CompletingRebalance', 'REBALANCE_IN_PROGRESS'],
    ['Stable', 'NONE'],
    ['Dead', 'COORDINATOR_NOT_AVAILABLE'],
  ] as const)('a commit of a member in %s: %s', (state, code) => {
    const { bench, memberId, generation } = inState(state)
    expect(bench.mayCommit(memberId, generation)).toBe(code)
  })

  test.each([
    ['Empty', 'NONE'],
    ['PreparingRebalance', 'UNKNOWN_MEMBER_ID'],
    ['CompletingRebalance', 'UNKNOWN_MEMBER_ID'],
    ['Stable', 'UNKNOWN_MEMBER_ID'],
    ['Dead', 'COORDINATOR_NOT_AVAILABLE'],
  ] as const)('a commit of nobody (admin) in %s: %s', (state, code) => {
    expect(inState(state).bench.mayCommit('', -1)).toBe(code)
  })

  test.each([
    ['Empty', 'UNKNOWN_MEMBER_ID'],
    ['PreparingRebalance', 'NONE'],
    ['CompletingRebalance', 'NONE'],
    ['Stable', 'NONE'],
    ['Dead', 'UNKNOWN_MEMBER_ID'],
  ] as const)('leave in %s: %s', (state, code) => {
    const { bench, memberId } = inState(state)
    expect(bench.group.leave(memberId, null, bench.nowMs)).toBe(code)
  })

  test.each([
    ['Empty', 'NONE'],
    ['PreparingRebalance', undefined], // parked: the first member is waited for
    ['CompletingRebalance', undefined],
    ['Stable', undefined],
    ['Dead', 'COORDINATOR_NOT_AVAILABLE'],
  ] as const)('a join of a newcomer in %s: %s', (state, code) => {
    expect(inState(state).bench.join().answer?.error).toBe(code)
  })

  test.each([
    ['Empty', 'UNKNOWN_MEMBER_ID'],
    ['PreparingRebalance', 'NONE'], // the last that was waited for
    ['CompletingRebalance', 'NONE'], // it asks again for what it was told
    ['Stable', 'NONE'], // the leader forces a rebalance, alone in it
    ['Dead', 'COORDINATOR_NOT_AVAILABLE'],
  ] as const)('a join of the member in %s: %s', (state, code) => {
    const { bench, memberId } = inState(state)
    expect(bench.join({ memberId }).answer?.error).toBe(code)
  })

  test.each(['PreparingRebalance', 'CompletingRebalance', 'Stable'] as const)('a wrong generation in %s', (state) => {
    const { bench, memberId, generation } = inState(state)
    expect(bench.heartbeat(memberId, generation + 1)).toBe('ILLEGAL_GENERATION')
    expect(bench.sync(memberId, generation - 1).answer?.error).toBe('ILLEGAL_GENERATION')
    expect(bench.mayCommit(memberId, generation + 1)).toBe('ILLEGAL_GENERATION')
  })

  test.each(['PreparingRebalance', 'CompletingRebalance', 'Stable'] as const)('a stranger in %s', (state) => {
    const { bench, generation } = inState(state)
    expect(bench.heartbeat('who', generation)).toBe('UNKNOWN_MEMBER_ID')
    expect(bench.mayCommit('who', generation)).toBe('UNKNOWN_MEMBER_ID')
    expect(bench.join({ memberId: 'who' }).answer?.error).toBe('UNKNOWN_MEMBER_ID')
    expect(bench.group.leave('who', null, bench.nowMs)).toBe('UNKNOWN_MEMBER_ID')
  })
})

describe('joining', () => {
  test('a newcomer is given an id first, and has the length of a session to use it', () => {
    const bench = new GroupBench()
    const first = bench.join({ requiresMemberId: true }).answer
    expect(first).toMatchObject({ error: 'MEMBER_ID_REQUIRED', memberId: 'c-1' })
    expect(bench.join({ memberId: 'c-1', requiresMemberId: true }).answer).toMatchObject({
      error: 'NONE',
      generation: 1,
      leader: 'c-1',
      protocol: 'range',
    })
    const late = bench.join({ requiresMemberId: true }).answer?.memberId ?? ''
    bench.pass(sessionMs)
    expect(bench.join({ memberId: late }).answer?.error).toBe('UNKNOWN_MEMBER_ID')
  })

  test('an id handed out holds the rebalance up until it is used or lapses', () => {
    const bench = new GroupBench()
    const { memberId } = bench.stable()
    bench.join({ requiresMemberId: true })
    const second = bench.join()
    const again = bench.join({ memberId })
    expect(second.answer).toBeUndefined()
    bench.pass(sessionMs)
    expect(second.answer?.error).toBe('NONE')
    expect(again.answer?.members).toHaveLength(2)
  })

  test('the first members of a group are waited for, again while more come, up to the rebalance timeout', () => {
    const bench = new GroupBench({ initialRebalanceDelayMs: 3000 })
    const first = bench.join()
    bench.pass(2000)
    const second = bench.join()
    bench.pass(2000) // the first delay is over, and is prolonged because of the second
    expect(first.answer).toBeUndefined()
    bench.pass(2000)
    expect(first.answer?.members.map(({ memberId }) => memberId)).toEqual(['c-1', 'c-2'])
    expect(second.answer).toMatchObject({ error: 'NONE', generation: 1, members: [] })
  })

  test('members that do not come back within the rebalance timeout are out', () => {
    const bench = new GroupBench()
    const { memberId, generation } = bench.stable()
    const second = bench.join()
    for (let passed = 0; passed < rebalanceMs; passed += 5000) {
      bench.heartbeat(memberId, generation)
      bench.pass(5000)
    }
    expect(second.answer).toMatchObject({ error: 'NONE', generation: 2, leader: second.answer?.memberId })
    expect(bench.group.membership.members.has(memberId)).toBe(false)
  })

  test('an assignor that all have is chosen by vote', () => {
    const bench = new GroupBench({ initialRebalanceDelayMs: 10 })
    const answers = [
      bench.join({
        protocols: [
          ['a', ''],
          ['b', ''],
          ['c', ''],
        ],
      }),
      bench.join({
        protocols: [
          ['x', ''],
          ['b', ''],
          ['c', ''],
        ],
      }),
      bench.join({
        protocols: [
          ['c', ''],
          ['b', ''],
        ],
      }),
    ]
    bench.pass(20)
    expect(answers.map(({ answer }) => answer?.protocol)).toEqual(['b', 'b', 'b'])
  })

  test('no common assignor, another protocol type, no protocols: refused', () => {
    const bench = new GroupBench()
    bench.stable()
    expect(bench.join({ protocols: [['other', '']] }).answer?.error).toBe('INCONSISTENT_GROUP_PROTOCOL')
    expect(bench.join({ protocolType: 'connect' }).answer?.error).toBe('INCONSISTENT_GROUP_PROTOCOL')
    expect(bench.join({ protocols: [] }).answer?.error).toBe('INCONSISTENT_GROUP_PROTOCOL')
  })

  test('a full group takes no more', () => {
    const bench = new GroupBench({ groupMaxSize: 1 })
    bench.stable()
    expect(bench.join().answer).toMatchObject({ error: 'GROUP_MAX_SIZE_REACHED', memberId: '' })
  })

  test('of ids that nobody comes with, the oldest is forgotten past a thousand', () => {
    const bench = new GroupBench({ groupMaxSize: 1 })
    const ids = Array.from({ length: 1001 }, () => bench.join({ requiresMemberId: true }).answer?.memberId ?? '')
    expect(bench.group.membership.pending.size).toBe(1000)
    expect(bench.join({ memberId: ids[0]! }).answer?.error).toBe('UNKNOWN_MEMBER_ID')
    bench.join({ memberId: ids[1000]! })
    expect(bench.group.membership.members.size).toBe(1)
  })

  test('who brings more than there is memory for is refused, and so is such an assignment; what goes is given back', () => {
    const bench = new GroupBench({}, 10_000)
    const large = 'x'.repeat(10_000)
    expect(bench.join({ protocols: [['range', large]] }).answer?.error).toBe('GROUP_MAX_SIZE_REACHED')
    const { memberId, generation } = bench.joined()
    expect(bench.sync(memberId, generation, { [memberId]: large }).answer?.error).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(bench.group.state).toBe('PreparingRebalance')
    expect(bench.join({ memberId, protocols: [['range', large]] }).answer?.error).toBe('GROUP_MAX_SIZE_REACHED')
    const again = bench.join({ memberId, protocols: [['range', 'x'.repeat(5000)]] }).answer
    expect(again).toMatchObject({ error: 'NONE', generation: generation + 1 })
    expect(bench.memory.bytes).toBeGreaterThan(5000)
    bench.group.leave(memberId, null, bench.nowMs)
    expect(bench.memory.bytes).toBe(0)
  })

  test('a follower with nothing new is told the present generation; with something new the group rebalances', () => {
    const bench = new GroupBench({ initialRebalanceDelayMs: 10 })
    const leader = bench.join()
    const follower = bench.join()
    bench.pass(20)
    const memberId = follower.answer?.memberId ?? ''
    bench.sync(leader.answer?.memberId ?? '', 1, { [memberId]: 'p' })
    expect(bench.join({ memberId }).answer).toMatchObject({ error: 'NONE', generation: 1 })
    expect(bench.join({ memberId, protocols: [['range', 'new']] }).answer).toBeUndefined()
    expect(bench.group.state).toBe('PreparingRebalance')
  })
})

describe('assigning', () => {
  test('followers wait for the leader, and each gets its own part', () => {
    const bench = new GroupBench({ initialRebalanceDelayMs: 10 })
    const leader = bench.join()
    bench.join()
    bench.pass(20)
    const followerSync = bench.sync('c-2', 1)
    expect(followerSync.answer).toBeUndefined()
    const leaderSync = bench.sync(leader.answer?.leader ?? '', 1, { 'c-1': 'zero', 'c-2': 'one' })
    expect(leaderSync.answer?.assignment.toString()).toBe('zero')
    expect(followerSync.answer?.assignment.toString()).toBe('one')
    expect(bench.stored).toEqual([{ generation: 1, state: 'Stable', members: 2 }])
  })

  test('a log that refuses sends everybody back to joining', () => {
    const bench = new GroupBench()
    const { memberId, generation } = bench.joined()
    bench.storeFails = true
    expect(bench.sync(memberId, generation, { [memberId]: 'x' }).answer?.error).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(bench.group.state).toBe('PreparingRebalance')
    bench.storeFails = false
    expect(bench.join({ memberId }).answer?.generation).toBe(generation + 1)
  })

  test('a newcomer during the assignment interrupts it', () => {
    const bench = new GroupBench({ initialRebalanceDelayMs: 10 })
    bench.join()
    bench.join()
    bench.pass(20)
    const waiting = bench.sync('c-2', 1)
    bench.join()
    expect(waiting.answer?.error).toBe('REBALANCE_IN_PROGRESS')
    // and its session runs again
    bench.pass(sessionMs)
    expect(bench.group.membership.members.has('c-2')).toBe(false)
  })

  test('members that never sync are out after the rebalance timeout', () => {
    const bench = new GroupBench({ initialRebalanceDelayMs: 10 })
    bench.join()
    bench.join()
    bench.pass(20)
    bench.sync('c-1', 1, { 'c-1': 'x', 'c-2': 'y' })
    for (let passed = 0; passed < rebalanceMs; passed += 5000) {
      bench.heartbeat('c-1', 1)
      bench.heartbeat('c-2', 1)
      bench.pass(5000)
    }
    expect([...bench.group.membership.members.keys()]).toEqual(['c-1'])
    expect(bench.group.state).toBe('PreparingRebalance')
  })
})

describe('sessions', () => {
  test('a silent member is out after its session, one that reports stays', () => {
    const bench = new GroupBench()
    const { memberId, generation } = bench.stable()
    bench.pass(sessionMs - 1)
    expect(bench.heartbeat(memberId, generation)).toBe('NONE')
    bench.pass(sessionMs - 1)
    expect(bench.group.state).toBe('Stable')
    bench.pass(1)
    expect(bench.group.state).toBe('Empty')
    expect(bench.stored.at(-1)).toEqual({ generation: 2, state: 'Empty', members: 0 })
  })

  test('a commit counts as a sign of life', () => {
    const bench = new GroupBench()
    const { memberId, generation } = bench.stable()
    bench.pass(sessionMs - 1)
    expect(bench.mayCommit(memberId, generation)).toBe('NONE')
    bench.pass(sessionMs - 1)
    expect(bench.group.state).toBe('Stable')
  })

  test('a group read back from the log goes on, and gives its members a session to report', () => {
    const bench = new GroupBench()
    const { memberId, generation } = bench.stable()
    const restarted = new GroupBench()
    restarted.group.restore(bench.group.snapshot(), restarted.nowMs)
    expect(restarted.heartbeat(memberId, generation)).toBe('NONE')
    expect(restarted.sync(memberId, generation).answer?.assignment.toString()).toBe('all')
    restarted.pass(sessionMs)
    expect(restarted.group.state).toBe('Empty')
  })
})

describe('static members', () => {
  test('a restart takes the place without a rebalance; the old id is fenced', () => {
    const bench = new GroupBench()
    const first = bench.join({ instanceId: 'i' }).answer
    const old = first?.memberId ?? ''
    bench.sync(old, 1, { [old]: 'mine' })
    const again = bench.join({ instanceId: 'i' }).answer
    expect(again).toMatchObject({ error: 'NONE', generation: 1, skipAssignment: true, memberId: 'i-2', leader: 'i-2' })
    expect(bench.group.state).toBe('Stable')
    expect(bench.heartbeat(old, 1, 'i')).toBe('FENCED_INSTANCE_ID')
    expect(bench.mayCommit(old, 1, 'i')).toBe('FENCED_INSTANCE_ID')
    expect(bench.join({ memberId: old, instanceId: 'i' }).answer?.error).toBe('FENCED_INSTANCE_ID')
    expect(bench.sync('i-2', 1).answer?.assignment.toString()).toBe('mine')
  })

  test('an older client that leads is shown its old id, so that it does not assign anew', () => {
    const bench = new GroupBench()
    const old = bench.join({ instanceId: 'i' }).answer?.memberId ?? ''
    bench.sync(old, 1, { [old]: 'mine' })
    const again = bench.join({ instanceId: 'i', canSkipAssignment: false }).answer
    expect(again).toMatchObject({ leader: old, memberId: 'i-2', members: [], skipAssignment: false })
  })

  test('a restart with another assignor rebalances', () => {
    const bench = new GroupBench()
    const old =
      bench.join({
        instanceId: 'i',
        protocols: [
          ['range', ''],
          ['sticky', ''],
        ],
      }).answer?.memberId ?? ''
    bench.sync(old, 1, { [old]: 'mine' })
    expect(bench.join({ instanceId: 'i', protocols: [['sticky', '']] }).answer).toMatchObject({ generation: 2 })
  })

  test('leaving by instance id', () => {
    const bench = new GroupBench()
    bench.join({ instanceId: 'i' })
    expect(bench.group.leave('', 'j', bench.nowMs)).toBe('UNKNOWN_MEMBER_ID')
    expect(bench.group.leave('', 'i', bench.nowMs)).toBe('NONE')
    expect(bench.group.state).toBe('Empty')
  })
})
