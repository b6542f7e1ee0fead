import { batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import type { Session } from './exchange/session.ts'

/** What a reader from the start finds, as the last value of each key, without what stands where. */
async function view(session: Session, topic: string): Promise<Record<string, string | null>> {
  const partitions = [{ partition: 0, fetchOffset: await logStart(session, topic), partitionMaxBytes: 1_000_000 }]
  const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, isolationLevel: 1, topics: [{ topic, partitions }] }
  const answer = await session.ask('', 'fetch', 11, request, { quiet: true })
  const records = answer === 'closed' ? null : answer.responses[0]?.partitions[0]?.records
  const found: Record<string, string | null> = {}
  for (const { key, value } of session.recordsOf(records ?? null)) found[key ?? ''] = value
  return found
}

async function logStart(session: Session, topic: string): Promise<number> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -2 }] }]
  const answer = await session.ask('', 'listOffsets', 7, { replicaId: -1, topics }, { quiet: true })
  return answer === 'closed' ? -1 : (answer.topics[0]?.partitions[0]?.offset ?? -1)
}

async function recordCount(session: Session, topic: string): Promise<number> {
  const partitions = [{ partition: 0, fetchOffset: await logStart(session, topic), partitionMaxBytes: 1_000_000 }]
  const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, topics: [{ topic, partitions }] }
  const answer = await session.ask('', 'fetch', 11, request, { quiet: true })
  const records = answer === 'closed' ? null : answer.responses[0]?.partitions[0]?.records
  return session.recordsOf(records ?? null).length
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
    await session.eventually('what is older goes', async () => (await recordCount(session, topic)) <= 5)
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
