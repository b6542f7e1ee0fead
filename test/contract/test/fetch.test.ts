import type { Partially, RequestOf } from '@millrace/protocol/internal'
import { batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import type { Session } from './exchange/session.ts'

type Bounds = Omit<Partially<RequestOf<'fetch'>>, 'topics'>
type PartitionAsked = Partially<RequestOf<'fetch'>['topics'][number]['partitions'][number]>

function fetchOf(topic: string, partitions: readonly PartitionAsked[], more: Bounds = {}) {
  const asked = partitions.map((partition) => ({ partitionMaxBytes: 1_000_000, ...partition }))
  return { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, topics: [{ topic, partitions: asked }], ...more }
}

/** A topic with `count` batches of two records. */
async function filled(session: Session, count: number, label = 'orders'): Promise<string> {
  const topic = await session.topic(label)
  for (let i = 0; i < count; i++) await session.append(topic, 0, two(session, i))
  return topic
}

function two(session: Session, i: number): Buffer {
  return batchOf([
    { key: `a${i}`, value: 'x'.repeat(50), timestampMs: session.time(2 * i) },
    { key: `b${i}`, value: 'y'.repeat(50), timestampMs: session.time(2 * i + 1) },
  ])
}

contract('fetch', {
  'every version': async (session) => {
    const topic = await filled(session, 2)
    const topicId = await session.topicId(topic)
    await session.everyVersion('from 2', 'fetch', (version) => {
      const request = fetchOf(topic, [{ partition: 0, fetchOffset: 2 }])
      return version < 13
        ? request
        : { ...request, topics: request.topics.map((asked) => ({ ...asked, topic: '', topicId })) }
    })
    const other = 'AAAAAAAAAAAAAAAAAAAAAQ'
    for (const version of [13, 16, 17]) {
      const request = { ...fetchOf(topic, []), topics: [{ topicId: other, partitions: [{ partition: 0 }] }] }
      await session.ask('an id that nobody has', 'fetch', version, request)
    }
  },

  positions: async (session) => {
    const topic = await filled(session, 3)
    const at = (step: string, fetchOffset: number, more: PartitionAsked = {}) =>
      session.ask(step, 'fetch', 12, fetchOf(topic, [{ partition: 0, fetchOffset, ...more }]))
    await at('in the middle of a batch: the whole batch', 3)
    await at('at the end', 6)
    await at('past the end', 7)
    await at('below zero', -5)
    await at('far past the end', 1_000_000)
    await at('partition 4', 0, { partition: 4 })
    await session.ask('no such topic', 'fetch', 12, fetchOf(session.name('nothing'), [{ partition: 0 }]))
    await session.ask('nothing at all', 'fetch', 12, { maxWaitMs: 0, minBytes: 1, maxBytes: 1000 })
  },

  bounds: async (session) => {
    const topic = await filled(session, 4)
    const from = (step: string, partitionMaxBytes: number, maxBytes: number) =>
      session.ask(step, 'fetch', 11, fetchOf(topic, [{ partition: 0, partitionMaxBytes }], { maxBytes }))
    await from('a byte: one batch all the same', 1, 1_000_000)
    await from('a byte in all: one batch all the same', 1_000_000, 1)
    await from('nothing', 0, 0)
    const second = await filled(session, 2, 'second')
    const both = (partitionMaxBytes: number, maxBytes: number) => ({
      ...fetchOf(topic, [{ partition: 0, partitionMaxBytes }], { maxBytes }),
      topics: [topic, second].map((name) => ({ topic: name, partitions: [{ partition: 0, partitionMaxBytes }] })),
    })
    await session.ask('two topics, a byte in all', 'fetch', 11, both(1_000_000, 1))
    await session.ask('two topics, a byte each', 'fetch', 11, both(1, 1_000_000))
  },

  'a long poll': async (session) => {
    const topic = await filled(session, 1)
    const asked = fetchOf(topic, [{ partition: 0, fetchOffset: 2 }], { maxWaitMs: 10_000 })
    const waiting = await session.connection()
    const answered = session.ask('waits for the next record', 'fetch', 11, asked, { over: waiting })
    await session.append(topic, 0, two(session, 1))
    await answered
    const all = fetchOf(topic, [{ partition: 0, fetchOffset: 0 }], { maxWaitMs: 300, minBytes: 100_000 })
    await session.ask('gives what there is after its time', 'fetch', 11, all)
    const failing = fetchOf(topic, [{ partition: 0, fetchOffset: 99 }], { maxWaitMs: 10_000, minBytes: 100_000 })
    await session.ask('an error does not wait', 'fetch', 11, failing)
    const mixed = fetchOf(topic, [{ partition: 0 }, { partition: 3 }], { maxWaitMs: 10_000, minBytes: 100_000 })
    await session.ask('one bad partition does not wait', 'fetch', 11, mixed)
  },

  'read committed without transactions': async (session) => {
    const topic = await filled(session, 1)
    await session.ask('all', 'fetch', 11, fetchOf(topic, [{ partition: 0 }], { isolationLevel: 1 }))
    await session.ask(
      'at the end',
      'fetch',
      11,
      fetchOf(topic, [{ partition: 0, fetchOffset: 2 }], { isolationLevel: 1 }),
    )
    await session.ask('past it', 'fetch', 11, fetchOf(topic, [{ partition: 0, fetchOffset: 3 }], { isolationLevel: 1 }))
  },

  'leader epochs': async (session) => {
    const topic = await filled(session, 2)
    const at = (step: string, more: PartitionAsked) =>
      session.ask(step, 'fetch', 12, fetchOf(topic, [{ partition: 0, ...more }]))
    await at('the current one', { currentLeaderEpoch: 0 })
    await at('a newer one', { currentLeaderEpoch: 5 })
    await at('last read in this epoch', { lastFetchedEpoch: 0, fetchOffset: 2 })
    await at('last read in this epoch, past its end', { lastFetchedEpoch: 0, fetchOffset: 9 })
    await at('last read in an epoch to come', { lastFetchedEpoch: 3, fetchOffset: 2 })
  },

  'after records were deleted': async (session) => {
    const topic = await filled(session, 3)
    const partitions = [{ partitionIndex: 0, offset: 3 }]
    await session.everyVersion('up to 3', 'deleteRecords', { topics: [{ name: topic, partitions }], timeoutMs: 5000 })
    const at = (step: string, fetchOffset: number) =>
      session.ask(step, 'fetch', 11, fetchOf(topic, [{ partition: 0, fetchOffset }]))
    await at('from 0', 0)
    await at('from 2, in the batch that is half gone', 2)
    await at('from 3', 3)
    const before = (step: string, partitionIndex: number, offset: number, name = topic) =>
      session.ask(step, 'deleteRecords', 2, {
        topics: [{ name, partitions: [{ partitionIndex, offset }] }],
        timeoutMs: 5000,
      })
    await before('back to 1', 0, 1)
    await before('past the end', 0, 9)
    await before('-2', 0, -2)
    await before('partition 7', 7, 1)
    await before('no such topic', 0, 1, session.name('nothing'))
    await before('everything', 0, -1)
    await at('at the end', 6)
    await session.append(topic, 0, two(session, 9))
    await at('and on', 6)
    const compacted = await session.topic('table', { configs: { 'cleanup.policy': 'compact' } })
    await session.append(compacted, 0, two(session, 0))
    await before('of a compacted topic', 0, 1, compacted)
  },
})
