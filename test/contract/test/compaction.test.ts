import { Buffer } from 'node:buffer'
import { nextOffset, openBatches } from '@millrace/record/internal'
import { batchOf, describeRecords } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import { RawTransaction } from './exchange/raw-transaction.ts'
import type { Session } from './exchange/session.ts'

/** Everything from the start to the end, and what of it was aborted. One answer may end with a segment. */
async function wholeLog(session: Session, topic: string, isolationLevel = 1) {
  const all: Buffer[] = []
  const aborted = new Map<number, number>()
  for (let fetchOffset = await logStart(session, topic); ; ) {
    const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: 1_000_000 }]
    const topics = [{ topic, partitions }]
    const request = { maxWaitMs: 0, minBytes: 0, maxBytes: 1_000_000, isolationLevel, topics }
    const answer = await session.ask('', 'fetch', 11, request, { quiet: true })
    const found = answer === 'closed' ? undefined : answer.responses[0]?.partitions[0]
    const records = found?.records ?? null
    if (records === null || records.length === 0) break
    for (const { producerId, firstOffset } of found?.abortedTransactions ?? []) aborted.set(firstOffset, producerId)
    all.push(records)
    for (const batch of openBatches(records, { source: topic, position: 0 })) fetchOffset = nextOffset(batch)
  }
  return {
    bytes: Buffer.concat(all),
    aborted: [...aborted].map(([firstOffset, producerId]) => ({ firstOffset, producerId })),
  }
}

async function allRecords(session: Session, topic: string): Promise<ReturnType<Session['recordsOf']>> {
  return session.recordsOf((await wholeLog(session, topic)).bytes)
}

async function uncommitted(session: Session, topic: string): Promise<ReturnType<Session['recordsOf']>> {
  return session.recordsOf((await wholeLog(session, topic, 0)).bytes)
}

/** Batch by batch, as it lies there. */
async function writtenDown(session: Session, step: string, topic: string): Promise<void> {
  const { bytes, aborted } = await wholeLog(session, topic)
  session.note(step, { batches: describeRecords(bytes), aborted })
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

  'what was aborted goes, and its marker stays for a while': async (session) => {
    const configs = { ...eager, 'delete.retention.ms': '86400000' }
    const topic = await session.topic('table', { configs })
    const one = new RawTransaction(session, session.name('one'), 2)
    const two = new RawTransaction(session, session.name('two'), 2)
    for (const tx of [one, two]) await tx.init()
    await one.write('', topic, 'a')
    await two.write('', topic, 'b')
    await one.end('', false)
    await two.end('', true)
    await ended(session, topic, 4)
    await session.append(topic, 0, batchOf([{ key: 'c', value: 'c', timestampMs: session.time(100) }]))
    await session.append(topic, 0, batchOf([{ key: 'end', value: 'end', timestampMs: session.time(200) }]))
    await session.eventually('the aborted record goes', async () => {
      const left = await allRecords(session, topic)
      return left.every(({ key }) => key !== 'a')
    })
    await writtenDown(session, 'cleaned', topic)
  },

  'a transaction that is open holds the cleaner back': async (session) => {
    const topic = await session.topic('table', { configs: eager })
    const at = (key: string, value: string, deltaMs: number) =>
      session.append(topic, 0, batchOf([{ key, value, timestampMs: session.time(deltaMs) }]))
    for (const round of [0, 1, 2]) await at('k', `${round}`, round * 10)
    const tx = new RawTransaction(session, session.name('tx'), 2)
    await tx.init()
    await tx.write('', topic, 'open')
    for (const round of [3, 4, 5]) await at('k', `${round}`, 1000 + round * 10)
    const values = async () => (await uncommitted(session, topic)).map(({ value }) => value).join(' ')
    // Its segment begins with the third.
    await session.eventually('what lies before it is cleaned', async () => (await values()) === '1 2 open 3 4 5')
    session.note('while it is open', await values())
    await tx.end('', false)
    await ended(session, topic, 8)
    await at('end', 'end', 3000)
    await session.eventually('all is cleaned', async () => (await values()) === '5 end')
    session.note('when it is aborted', await values())
  },

  'a null value stays as long as its first clean said': async (session) => {
    const configs = { ...eager, 'delete.retention.ms': '86400000' }
    const topic = await session.topic('table', { configs })
    const at = (key: string, value: string | null, deltaMs: number) =>
      session.append(topic, 0, batchOf([{ key, value, timestampMs: session.time(deltaMs) }]))
    for (const round of [0, 1]) await at('a', `${round}`, round * 10)
    await at('a', null, 30)
    await at('b', 'b', 50)
    await at('end', 'end', 200)
    await session.eventually('what it deletes is gone', async () => (await allRecords(session, topic)).length === 3)
    await writtenDown(session, 'kept for a day', topic)
    const now = {
      resourceType: 2,
      resourceName: topic,
      configs: [{ name: 'delete.retention.ms', configOperation: 0, value: '0' }],
    }
    await session.ask('kept no longer', 'incrementalAlterConfigs', 1, { resources: [now] })
    await at('b', 'anew', 400)
    await at('end', 'end', 600)
    const times = async (key: string) =>
      (await allRecords(session, topic)).filter((record) => record.key === key).length
    await session.eventually('it is cleaned once more', async () => (await times('b')) === 1)
    await writtenDown(session, 'the horizon stays', topic)
  },
})

/** Waits until the markers of ended transactions are there. */
async function ended(session: Session, topic: string, end: number): Promise<void> {
  const topics = [{ name: topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }]
  await session.eventually(`the last stable offset is ${end}`, async () => {
    const answer = await session.ask(
      '',
      'listOffsets',
      7,
      { replicaId: -1, isolationLevel: 1, topics },
      { quiet: true },
    )
    return answer !== 'closed' && answer.topics[0]?.partitions[0]?.offset === end
  })
}
