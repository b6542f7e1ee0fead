import { Buffer } from 'node:buffer'
import { ByteReader, errorCodeOf } from '@millrace/kernel'
import { describe, expect, test } from 'vitest'
import {
  decodeGroup,
  decodeOffset,
  decodeOffsetsKey,
  encodeGroup,
  encodeOffset,
  encodeOffsetKey,
} from '../src/group/offsets-format.ts'
import { javaHash, partitionByHash } from '../src/java-hash.ts'
import { BrokerBench, batchOf } from './broker-bench.ts'

const name = (code: number | undefined) => (code === undefined ? undefined : errorCodeOf(code))

describe('commits', () => {
  test('are fetched again, also after a restart and after a power cut', async () => {
    let bench = await BrokerBench.start()
    await bench.createTopic('t')
    await bench.produce('t', batchOf(['a', 'b', 'c']))
    expect(await bench.committed('g', 't')).toBe(-1)
    expect(name(await bench.commit('g', 't', 2))).toBe('NONE')
    expect(await bench.committed('g', 't')).toBe(2)
    bench = await bench.restart()
    expect(await bench.committed('g', 't')).toBe(2)
    for (let seed = 0; seed < 20; seed++) expect(await (await bench.powerCut(seed)).committed('g', 't')).toBe(2)
  })

  test('an answered commit never points past what survives a power cut (law 6)', async () => {
    for (let seed = 0; seed < 50; seed++) {
      const bench = await BrokerBench.start()
      await bench.createTopic('t')
      await bench.produce('t', batchOf(['a', 'b', 'c']), { acks: 1 })
      // The commit is under way: whatever of it is on disk, the records below it are, too.
      const answered = bench.commit('g', 't', 3)
      for (let turns = seed % 12; turns > 0; turns--) await Promise.resolve()
      const during = await bench.powerCut(seed)
      const at = (await during.committed('g', 't')) ?? -1
      expect(at).toBeLessThanOrEqual(during.directory.partition('t', 0)?.highWatermark ?? 0)
      expect(name(await answered)).toBe('NONE')
      const after = await bench.powerCut(seed)
      expect(await after.committed('g', 't')).toBe(3)
      expect(after.directory.partition('t', 0)?.highWatermark).toBe(3)
    }
  })

  test('of many megabytes take several batches; in a transaction, which has one, they are refused', async () => {
    const bench = await BrokerBench.start()
    const count = 500
    await bench.createTopic('t', count)
    const committedMetadata = 'x'.repeat(4000)
    const partitions = Array.from({ length: count }, (_, partitionIndex) => {
      return { partitionIndex, committedOffset: partitionIndex, committedMetadata }
    })
    const topics = [{ name: 't', partitions }]
    const codes = (answer: { topics: readonly { partitions: readonly { errorCode: number }[] }[] }) =>
      new Set(answer.topics[0]?.partitions.map(({ errorCode }) => name(errorCode)))
    expect(codes(await bench.send('offsetCommit', { groupId: 'g', topics }))).toEqual(new Set(['NONE']))
    const committed = async (of: BrokerBench) => {
      const { groups } = await of.send('offsetFetch', { groups: [{ groupId: 'g', topics: null }] })
      const all = groups[0]?.topics[0]?.partitions ?? []
      return all.filter(({ partitionIndex, committedOffset }) => partitionIndex === committedOffset).length
    }
    expect(await committed(bench)).toBe(count)
    const made = await bench.send('initProducerId', { transactionalId: 'x', transactionTimeoutMs: 60_000 })
    const claim = { transactionalId: 'x', producerId: made.producerId, producerEpoch: made.producerEpoch }
    await bench.send('addOffsetsToTxn', { ...claim, groupId: 'g' })
    const refused = await bench.send('txnOffsetCommit', { ...claim, groupId: 'g', topics, generationId: -1 })
    expect(codes(refused)).toEqual(new Set(['INVALID_COMMIT_OFFSET_SIZE']))
    await bench.send('endTxn', { ...claim, committed: false })
    expect(await committed(await bench.restart())).toBe(count)
  })

  test('are refused while the disk is full, and go on when it is not', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    bench.disk.faults.capacityBytes = 0
    expect(name(await bench.commit('g', 't', 0))).toBe('COORDINATOR_NOT_AVAILABLE')
    const join = { groupId: 'g', sessionTimeoutMs: 10_000, protocolType: 'consumer' }
    expect(name((await bench.send('joinGroup', join)).errorCode)).toBe('COORDINATOR_NOT_AVAILABLE')
    bench.disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    expect(name(await bench.commit('g', 't', 0))).toBe('NONE')
  })

  test('have a bound in bytes, those of open transactions with them', async () => {
    let bench = await BrokerBench.start({ 'group.offsets.max.bytes': 1024 })
    await bench.createTopic('t', 20)
    const commit = async (groupId: string, indexes: readonly number[], committedMetadata = '') => {
      const partitions = indexes.map((partitionIndex) => ({ partitionIndex, committedOffset: 1, committedMetadata }))
      const { topics } = await bench.send('offsetCommit', { groupId, topics: [{ name: 't', partitions }] }, 8)
      return topics[0]?.partitions.map(({ errorCode }) => name(errorCode))
    }
    const refused = 'INVALID_COMMIT_OFFSET_SIZE'
    expect(await commit('g', [0, 1, 2, 3])).toEqual(['NONE', 'NONE', 'NONE', 'NONE'])
    expect(await commit('h', [0, 1, 2])).toEqual(['NONE', 'NONE', refused])
    bench = await bench.restart()
    expect(await commit('h', [0, 1, 2])).toEqual(['NONE', 'NONE', refused])
    expect(await commit('g', [0, 1], 'x'.repeat(100))).toEqual(['NONE', refused])
    expect(await commit('g', [0, 1])).toEqual(['NONE', 'NONE'])
    const deleted = await bench.send('deleteGroups', { groupsNames: ['h'] })
    expect(deleted.results.map(({ errorCode }) => name(errorCode))).toEqual(['NONE'])
    const made = await bench.send('initProducerId', { transactionalId: 'x', transactionTimeoutMs: 60_000 })
    const claim = { transactionalId: 'x', producerId: made.producerId, producerEpoch: made.producerEpoch }
    const partitions = [0, 1].map((partitionIndex) => ({ partitionIndex, committedOffset: 1 }))
    const pending = { ...claim, groupId: 'h', topics: [{ name: 't', partitions }], generationId: -1 }
    const { topics } = await bench.send('txnOffsetCommit', pending)
    expect(topics[0]?.partitions.map(({ errorCode }) => name(errorCode))).toEqual(['NONE', 'NONE'])
    expect(await commit('i', [0])).toEqual([refused])
    await bench.send('endTxn', { ...claim, committed: false })
    expect(await commit('i', [0, 1, 2])).toEqual(['NONE', 'NONE', refused])
    const counted = 'millrace_broker_groups_refused_total{bound="offsets"}'
    expect(bench.metrics.snapshot().get(counted)).toBe(4)
  })

  test('are not answered when the disk fails', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    await bench.commit('g', 't', 0)
    bench.disk.faults.failSync = () => true
    expect(name(await bench.commit('g', 't', 0))).toBe('COORDINATOR_NOT_AVAILABLE')
  })

  test('what is refused, partition by partition', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t', 2)
    const partitions = [
      { partitionIndex: 0, committedOffset: 0, committedMetadata: 'x'.repeat(5000) },
      { partitionIndex: 1, committedOffset: 0 },
      { partitionIndex: 2, committedOffset: 0 },
    ]
    const { topics } = await bench.send('offsetCommit', { groupId: 'g', topics: [{ name: 't', partitions }] }, 9)
    expect(topics[0]?.partitions.map(({ errorCode }) => name(errorCode))).toEqual([
      'OFFSET_METADATA_TOO_LARGE',
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
    ])
    expect(name(await bench.commit('', 't', 0))).toBe('INVALID_GROUP_ID')
    expect(name(await bench.commit('reset', 't', -2))).toBe('NONE') // kafkajs means the earliest by it
    expect(await bench.committed('reset', 't')).toBe(-2)
    expect(name(await bench.commit('new', 't', 0, { generation: 3, memberId: 'm' }))).toBe('ILLEGAL_GENERATION')
  })

  test('a member that was thrown out while the disk was busy does not commit', async () => {
    let release: (() => void) | undefined
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const { memberId, generation } = await bench.member('g')
    await bench.produce('t', batchOf(['a']), { acks: 1 })
    const log = bench.directory.partition('t', 0)
    const gate = new Promise<void>((resolve) => {
      release = resolve
    })
    if (log === undefined) throw new Error('no log')
    Object.defineProperty(log, 'synced', { value: () => gate })
    const late = bench.commit('g', 't', 1, { memberId, generation })
    await bench.clock.advance(0)
    await bench.send('leaveGroup', { groupId: 'g', members: [{ memberId }] })
    release?.()
    expect(name(await late)).toBe('UNKNOWN_MEMBER_ID')
    expect(await bench.committed('g', 't')).toBe(-1)
  })

  test('all of a group, and several groups at once', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('a')
    await bench.createTopic('b')
    await bench.commit('g', 'a', 0)
    await bench.commit('g', 'b', 0)
    const { groups } = await bench.send(
      'offsetFetch',
      {
        groups: [
          { groupId: 'g', topics: null },
          { groupId: 'no', topics: null },
        ],
      },
      9,
    )
    expect(groups.map(({ groupId, topics }) => [groupId, topics.map((topic) => topic.name).sort()])).toEqual([
      ['g', ['a', 'b']],
      ['no', []],
    ])
  })
})

describe('groups', () => {
  test('a member goes on with its generation after the broker was started again', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const { memberId, generation } = await bench.member('g')
    const goesOn = async (after: BrokerBench) => {
      const beat = await after.send('heartbeat', { groupId: 'g', memberId, generationId: generation })
      expect(name(beat.errorCode)).toBe('NONE')
      expect(name(await after.commit('g', 't', 0, { memberId, generation }))).toBe('NONE')
      const { assignment } = await after.send('syncGroup', {
        groupId: 'g',
        memberId,
        generationId: generation,
        protocolType: 'consumer',
        protocolName: 'range',
      })
      expect(assignment.toString()).toBe('mine')
    }
    const restarted = await bench.restart()
    await goesOn(restarted)
    // Its commit has brought the group itself onto the disk.
    for (let seed = 0; seed < 20; seed++) await goesOn(await restarted.powerCut(seed))
  })

  test('an answered assignment waits for no sync', async () => {
    const bench = await BrokerBench.start()
    await bench.member('before') // the topic is made
    const syncs = bench.disk.syncs
    const { memberId, generation } = await bench.member('g')
    expect(bench.disk.syncs).toBe(syncs)
    const beat = await bench.send('heartbeat', { groupId: 'g', memberId, generationId: generation })
    expect(name(beat.errorCode)).toBe('NONE')
  })

  test('whatever survives a power cut, nobody commits who was out when the newest commit was answered', async () => {
    for (let seed = 0; seed < 30; seed++) {
      const bench = await BrokerBench.start()
      await bench.createTopic('t')
      const old = await bench.member('g')
      expect(name(await bench.commit('g', 't', 0, old))).toBe('NONE')
      await bench.send('leaveGroup', { groupId: 'g', members: [{ memberId: old.memberId }] })
      const now = await bench.member('g')
      if (seed % 2 === 0) expect(name(await bench.commit('g', 't', 0, now))).toBe('NONE')
      const after = await bench.powerCut(seed)
      const [byOld, byNow] = [await after.commit('g', 't', 0, old), await after.commit('g', 't', 0, now)]
      if (seed % 2 === 0) expect([name(byOld), name(byNow)]).toEqual(['UNKNOWN_MEMBER_ID', 'NONE'])
      // Nothing of the new generation was promised: the old one may be the last that is known, or nobody at all.
      else expect([name(byOld), name(byNow)].filter((code) => code === 'NONE').length).toBeLessThan(2)
    }
  })

  test('sessions end by the clock that runs, not by the one on the wall', async () => {
    const bench = await BrokerBench.start()
    const { memberId, generation } = await bench.member('g', 10_000)
    const beat = async () =>
      name((await bench.send('heartbeat', { groupId: 'g', memberId, generationId: generation })).errorCode)
    bench.clock.stepWallClock(3_600_000)
    await bench.clock.advance(9000)
    expect(await beat()).toBe('NONE')
    await bench.clock.advance(9000)
    expect(await beat()).toBe('NONE')
    await bench.clock.advance(10_000)
    expect(await beat()).toBe('UNKNOWN_MEMBER_ID')
    const { groups } = await bench.send('describeGroups', { groups: ['g'] })
    expect(groups[0]).toMatchObject({ groupState: 'Empty', members: [] })
  })

  test('are listed and described', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const { memberId } = await bench.member('g')
    await bench.commit('simple', 't', 0)
    const listed = async (statesFilter: string[]) =>
      (await bench.send('listGroups', { statesFilter })).groups
        .map((group) => `${group.groupId}/${group.groupState}`)
        .sort()
    expect(await listed([])).toEqual(['g/Stable', 'simple/Empty'])
    expect(await listed(['stable'])).toEqual(['g/Stable'])
    const { groups } = await bench.send('describeGroups', { groups: ['g', 'no'] })
    expect(groups[0]).toMatchObject({
      groupState: 'Stable',
      protocolData: 'range',
      members: [{ memberId, clientId: 'bench', clientHost: '/127.0.0.1' }],
    })
    expect(groups[0]?.members[0]?.memberAssignment.toString()).toBe('mine')
    expect(name(groups[1]?.errorCode)).toBe('GROUP_ID_NOT_FOUND')
  })

  test('are deleted when nobody is in them, and stay deleted', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    const { memberId, generation } = await bench.member('g')
    await bench.commit('g', 't', 0, { memberId, generation })
    const remove = async () => name((await bench.send('deleteGroups', { groupsNames: ['g'] })).results[0]?.errorCode)
    expect(await remove()).toBe('NON_EMPTY_GROUP')
    await bench.send('leaveGroup', { groupId: 'g', members: [{ memberId }] })
    expect(await remove()).toBe('NONE')
    expect(await remove()).toBe('GROUP_ID_NOT_FOUND')
    const after = await bench.powerCut(1)
    expect(await after.committed('g', 't')).toBe(-1)
    expect((await after.send('listGroups', {})).groups).toEqual([])
  })

  test('offsets are deleted, but not of a topic that a live group reads', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t') // the member's subscription names it
    await bench.createTopic('other')
    const { memberId, generation } = await bench.member('g')
    for (const topic of ['t', 'other']) await bench.commit('g', topic, 0, { memberId, generation })
    const topics = ['t', 'other'].map((topic) => ({ name: topic, partitions: [{ partitionIndex: 0 }] }))
    const answer = await bench.send('offsetDelete', { groupId: 'g', topics })
    expect(answer.topics.map(({ partitions }) => name(partitions[0]?.errorCode))).toEqual([
      'GROUP_SUBSCRIBED_TO_TOPIC',
      'NONE',
    ])
    expect([await bench.committed('g', 't'), await bench.committed('g', 'other')]).toEqual([0, -1])
  })

  test('offsets go with their topic', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    await bench.commit('g', 't', 0)
    await bench.send('deleteTopics', { topics: [{ name: 't' }] })
    await bench.createTopic('t')
    expect(await bench.committed('g', 't')).toBe(-1)
    expect(await (await bench.restart()).committed('g', 't')).toBe(-1)
  })

  test('offsets lapse in groups without members only', async () => {
    const bench = await BrokerBench.start({
      'offsets.retention.minutes': 1,
      'offsets.retention.check.interval.ms': 1000,
    })
    await bench.createTopic('t')
    const live = await bench.member('live', 1_000_000)
    await bench.commit('live', 't', 0, live)
    await bench.commit('simple', 't', 0)
    await bench.clock.advance(50_000)
    expect(await bench.committed('simple', 't')).toBe(0)
    await bench.clock.advance(11_000)
    expect([await bench.committed('live', 't'), await bench.committed('simple', 't')]).toEqual([0, -1])
    expect((await bench.send('listGroups', {})).groups.map(({ groupId }) => groupId)).toEqual(['live'])
  })

  test('that still wait for members keep no connection from being closed', async () => {
    const bench = await BrokerBench.start()
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
    const profile = { groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 60_000, protocolType: 'consumer' }
    const first = await bench.send('joinGroup', { ...profile, protocols }, 3)
    const sync = { groupId: 'g', memberId: first.memberId, generationId: first.generationId }
    await bench.send('syncGroup', { ...sync, assignments: [] }, 3)
    const second = bench.send('joinGroup', { ...profile, protocols }, 3)
    bench.disconnect()
    expect(name((await second).errorCode)).toBe('COORDINATOR_NOT_AVAILABLE')
    const { groups } = await bench.send('describeGroups', { groups: ['g'] })
    expect(groups).toMatchObject([{ groupState: 'PreparingRebalance', members: [{}, {}] }])
  })

  test('without members and offsets are forgotten at the next look', async () => {
    const bench = await BrokerBench.start({ 'offsets.retention.check.interval.ms': 60_000 })
    const listed = async () => (await bench.send('listGroups', {})).groups.map(({ groupId }) => groupId)
    const protocols = [{ name: 'range', metadata: Buffer.alloc(0) }]
    const join = { groupId: 'g', sessionTimeoutMs: 10_000, protocolType: 'consumer', protocols }
    expect(name((await bench.send('joinGroup', join)).errorCode)).toBe('MEMBER_ID_REQUIRED')
    expect(await listed()).toEqual(['g'])
    await bench.clock.advance(61_000)
    expect(await listed()).toEqual([])
  })

  test('past groups.max have to wait until others are gone', async () => {
    const bench = await BrokerBench.start({ 'groups.max': 2 })
    await bench.createTopic('t')
    expect(name(await bench.commit('a', 't', 0))).toBe('NONE')
    expect(name(await bench.commit('b', 't', 0))).toBe('NONE')
    expect(name(await bench.commit('c', 't', 0))).toBe('COORDINATOR_NOT_AVAILABLE')
    const join = { groupId: 'c', sessionTimeoutMs: 10_000, protocolType: 'consumer' }
    expect(name((await bench.send('joinGroup', join)).errorCode)).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(name(await bench.commit('a', 't', 0))).toBe('NONE')
    expect(bench.metrics.snapshot().get('millrace_broker_groups_refused_total{bound="groups"}')).toBe(2)
    await bench.send('deleteGroups', { groupsNames: ['a'] })
    expect(name(await bench.commit('c', 't', 0))).toBe('NONE')
  })

  test('deleted while a commit is under way have it, or not, as after a restart', async () => {
    for (let turns = 0; turns < 30; turns++) {
      const bench = await BrokerBench.start()
      await bench.createTopic('t', 2)
      await bench.commit('g', 't', 0)
      const committed = bench.send('offsetCommit', {
        groupId: 'g',
        topics: [{ name: 't', partitions: [{ partitionIndex: 1, committedOffset: 0 }] }],
      })
      for (let i = 0; i < turns; i++) await Promise.resolve()
      await Promise.all([committed, bench.send('deleteGroups', { groupsNames: ['g'] })])
      const offsets = async (of: BrokerBench) =>
        (await of.send('offsetFetch', { groups: [{ groupId: 'g', topics: null }] })).groups
      expect(await offsets(bench)).toEqual(await offsets(await bench.restart()))
    }
  })

  test('whose records cannot be read are not taken for new ones', async () => {
    const bench = await BrokerBench.start({ 'offsets.topic.num.partitions': 1 })
    await bench.createTopic('t')
    await bench.commit('g', 't', 0)
    await bench.broker.close()
    await bench.directory.close()
    const path = '/data/__consumer_offsets-0/00000000000000000000.log'
    const file = bench.disk.open(path, 'write')
    file.write(Buffer.from('damage'), 0, 6, 30)
    file.close()
    const after = await BrokerBench.start({}, bench.disk, bench.clock)
    const { groups } = await after.send('offsetFetch', { groups: [{ groupId: 'g', topics: null }] }, 9)
    expect(name(groups[0]?.errorCode)).toBe('COORDINATOR_NOT_AVAILABLE')
    expect(name(await after.commit('g', 't', 0))).toBe('COORDINATOR_NOT_AVAILABLE')
    const join = await after.send('joinGroup', { groupId: 'g', sessionTimeoutMs: 10_000, protocolType: 'consumer' })
    expect(name(join.errorCode)).toBe('COORDINATOR_NOT_AVAILABLE')
  })

  test('a session outside the bounds, a group without a name', async () => {
    const bench = await BrokerBench.start()
    const join = async (groupId: string, sessionTimeoutMs: number) =>
      name((await bench.send('joinGroup', { groupId, sessionTimeoutMs, protocolType: 'consumer' })).errorCode)
    expect(await join('g', 1)).toBe('INVALID_SESSION_TIMEOUT')
    expect(await join('g', 1_800_001)).toBe('INVALID_SESSION_TIMEOUT')
    expect(await join('', 10_000)).toBe('INVALID_GROUP_ID')
    expect(await join('g', 10_000)).toBe('INCONSISTENT_GROUP_PROTOCOL')
  })

  test('closing the broker answers whoever waits', async () => {
    const bench = await BrokerBench.start()
    const { memberId } = await bench.member('g')
    const protocols = [{ name: 'range', metadata: Buffer.from('x') }]
    const waiting = bench.send(
      'joinGroup',
      { groupId: 'g', sessionTimeoutMs: 10_000, protocolType: 'consumer', protocols },
      3,
    )
    await bench.clock.advance(0)
    await bench.broker.close()
    expect(name((await waiting).errorCode)).toBe('COORDINATOR_NOT_AVAILABLE')
    await expect(bench.send('heartbeat', { groupId: 'g', memberId })).rejects.toMatchObject({ code: 'CLOSED' })
    await bench.directory.close()
    expect(bench.clock.pendingTimers).toBe(0)
  })
})

describe('records of __consumer_offsets', () => {
  test("a group's partition is chosen by Java's hash", () => {
    // "polygenelubricants".hashCode() is the smallest int32, whose absolute value Java cannot hold.
    expect(javaHash('polygenelubricants')).toBe(-0x8000_0000)
    expect(partitionByHash('polygenelubricants', 50)).toBe(0)
    expect([javaHash('hello'), javaHash('')]).toEqual([99162322, 0])
  })

  test("an offset is written in Kafka's version 3, byte for byte", () => {
    const key = encodeOffsetKey('g', 'topic', 7)
    expect(key.toString('hex')).toBe(`0001${'0001'}67${'0005'}746f706963${'00000007'}`)
    expect(decodeOffsetsKey(key)).toEqual({ kind: 'offset', groupId: 'g', topic: 'topic', partition: 7 })
    const value = encodeOffset({ offset: 258, leaderEpoch: 3, metadata: 'm', committedAtMs: 1 })
    expect(value.toString('hex')).toBe(`0003${'0000000000000102'}${'00000003'}${'0001'}6d${'0000000000000001'}`)
  })

  test('older and newer values are read', () => {
    const v1 = Buffer.from(`0001${'0000000000000102'}${'0001'}6d${'0000000000000001'}${'0000000000000009'}`, 'hex')
    const expiring = { offset: 258, leaderEpoch: -1, metadata: 'm', committedAtMs: 1, expiresAtMs: 9 }
    expect(decodeOffset(v1)).toEqual(expiring)
    expect(encodeOffset(expiring)).toEqual(v1)
    const v4 = Buffer.from(`0004${'0000000000000102'}${'00000003'}${'02'}6d${'0000000000000001'}00`, 'hex')
    expect(decodeOffset(v4)).toEqual({ offset: 258, leaderEpoch: 3, metadata: 'm', committedAtMs: 1 })
    expect(() => decodeOffset(Buffer.from('0009', 'hex'))).toThrow('version is 9')
  })

  test('a group comes back as it was', () => {
    const group = {
      protocolType: 'consumer',
      generation: 4,
      protocol: 'range',
      leader: 'm',
      stateSinceMs: 5,
      members: [
        {
          memberId: 'm',
          profile: {
            groupInstanceId: 'i',
            clientId: 'c',
            clientHost: '/h',
            rebalanceTimeoutMs: 6,
            sessionTimeoutMs: 7,
            protocols: [{ name: 'range', metadata: Buffer.from('sub') }],
          },
          assignment: Buffer.from('as'),
        },
      ],
    }
    const bytes = encodeGroup(group)
    expect(new ByteReader(bytes).int16()).toBe(3)
    expect(decodeGroup(bytes)).toEqual(group)
  })
})
