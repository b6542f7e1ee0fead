import { nextOffset, openBatches } from '@millrace/record/internal'
import { batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import type { Session } from './exchange/session.ts'

/** Everything from the start to the end. One answer may end with a segment. */
async function allRecords(session: Session, topic: string): Promise<ReturnType<Session['recordsOf']>> {
  const all: ReturnType<Session['recordsOf']>[number][] = []
  for (let fetchOffset = await logStart(session, topic); ; ) {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }]
    const topics = [{ topic, partitions }]
    const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, isolationLevel: 1, topics }
    const answer = await session.ask('', 'fetch', 11, request, { quiet: true })
    const records = answer === 'closed' ? null : (answer.responses[0]?.partitions[0]?.records ?? null)
    if (records === null || records.length === 0) return all
    all.push(...session.recordsOf(records))
    for (const batch of openBatches(records, { source: topic, position: 0 })) fetchOffset = nextOffset(batch)
  }
}

/** The last value of each key that has one. */
async function view(session: Session, topic: string): Promise<Record<string, string | null>> {
  const found = new Map<string, string | null>()
  for (const { key, value } of await allRecords(session, topic)) found.set(key ?? '', value)
  return Object.fromEntries([...found].filter(([, value]) => value !== null))
}

async function logStart(session: Session, topic: string): Promise<number> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -2 }] }]
  const answer = await session.ask('', 'listOffsets', 7, { replicaId: -1, topics }, { quiet: true })
  return answer === 'closed' ? -1 : (answer.topics[0]?.partitions[0]?.offset ?? -1)
}

/** Rolls at every append, cleans whatever is dirty. */
const eager = {
  'cleanup.policy': 'compact',
  'segment.ms': '1',
  'min.cleanable.dirty.ratio': '0.0',
  'delete.retention.ms': '0',
}

contract('compaction', {
  'the last value of each key stays': async (session) => {
    const topic = await session.topic('table', { configs: eager })
    for (let round = 0; round < 6; round++) {
      const records = ['a', 'b', 'c'].map((key, i) => ({
        key,
        value: `${key}${round}`,
        timestampMs: session.time(round * 10 + i),
      }))
      await session.append(topic, 0, batchOf(records))
    }
    await session.append(topic, 0, batchOf([{ key: 'b', value: null, timestampMs: session.time(100) }]))
    await session.append(topic, 0, batchOf([{ key: 'end', value: 'x', timestampMs: session.time(200) }]))
    // a, c, the end, and b's tombstone for a while.
    await session.eventually('what is older goes', async () => (await allRecords(session, topic)).length <= 4)
    session.note('the view', await view(session, topic))
    session.note('the log start', await logStart(session, topic))
  },

  'old segments go by size': async (session) => {
    const configs = { 'segment.ms': '1', 'retention.bytes': '1000', 'file.delete.delay.ms': '0' }
    const topic = await session.topic('orders', { configs })
    for (let i = 0; i < 10; i++) {
      await session.append(topic, 0, batchOf([{ value: 'x'.repeat(400), timestampMs: session.time(i * 10) }]))
    }
    await session.eventually('the log start moves', async () => (await logStart(session, topic)) > 0)
    await session.eventually('as far as it may', async () => (await logStart(session, topic)) >= 7)
    session.note('the log start', await logStart(session, topic))
  },

  'old segments go by time': async (session) => {
    const topic = await session.topic('orders', { configs: { 'segment.ms': '1', 'retention.ms': '60000' } })
    const at = (deltaMs: number) => batchOf([{ value: 'x', timestampMs: session.time(deltaMs) }])
    for (const deltaMs of [-3_000_000, -2_000_000, 0, 1]) await session.append(topic, 0, at(deltaMs))
    await session.eventually('the old ones are gone', async () => (await logStart(session, topic)) === 2)
    const topics = [{ topic, partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1_000_000 }] }]
    await session.ask('from the start', 'fetch', 11, { maxWaitMs: 0, minBytes: 1, maxBytes: 1_000_000, topics })
  },
})
