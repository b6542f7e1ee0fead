import { errorCodeOf } from '@millrace/kernel'
import type { ResponseOf } from '@millrace/protocol/internal'
import { expect, test } from 'vitest'
import { BrokerBench, batchOf, valuesOf } from './broker-bench.ts'

const settings = { 'auto.create.topics.enable': false }

function rowOf(answer: ResponseOf<'fetch'>) {
  const row = answer.responses[0]?.partitions[0]
  return { error: errorCodeOf(row?.errorCode ?? -1), end: row?.highWatermark, values: valuesOf(row?.records) }
}

async function remove(bench: BrokerBench, name: string): Promise<void> {
  const { responses } = await bench.send('deleteTopics', { topics: [{ name }] })
  expect(responses[0]?.errorCode).toBe(0)
}

test.each([0, 1])('a long poll ends when its topic is deleted, isolation level %i', async (isolationLevel) => {
  const bench = await BrokerBench.start(settings)
  await bench.createTopic('t')
  const poll = bench.fetch('t', 0, { maxWaitMs: 0x7fff_ffff, isolationLevel })
  await remove(bench, 't')
  expect(rowOf(await poll)).toMatchObject({ error: 'UNKNOWN_TOPIC_OR_PARTITION', values: [] })
})

test('a fetch that names one partition very often waits, and ends, as fast as they are many', async () => {
  const bench = await BrokerBench.start(settings)
  await bench.createTopic('t')
  const partitions = Array.from({ length: 200_000 }, () => ({ partition: 0, partitionMaxBytes: 100 }))
  const poll = bench.fetch('t', 0, { maxWaitMs: 0x7fff_ffff, topics: [{ topic: 't', partitions }] })
  await bench.produce('t', batchOf(['a']))
  expect(rowOf(await poll).values).toEqual(['a'])
})

test('a session does not take a topic for the one that had its name before', async () => {
  const bench = await BrokerBench.start(settings)
  const before = await bench.createTopic('t')
  await bench.produce('t', batchOf(['a', 'b']))
  const { sessionId } = await bench.fetch('t', 2, { sessionEpoch: 0 })
  const next = (sessionEpoch: number) => bench.fetch('t', 0, { topics: [], sessionId, sessionEpoch })
  await remove(bench, 't')
  expect(rowOf(await next(1)).error).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  await bench.createTopic('t')
  await bench.produce('t', batchOf(['new']))
  expect(rowOf(await next(2)).error).toBe('OFFSET_OUT_OF_RANGE')
  const byId = { topicId: before, partitions: [{ partition: 0, partitionMaxBytes: 100 }] }
  const old = await bench.send('fetch', { maxBytes: 100, topics: [byId] }, 13)
  expect(rowOf(old).error).toBe('UNKNOWN_TOPIC_ID')
})

test('what waits for the disk when its topic is deleted is answered, and is not in the next topic of that name', async () => {
  for (let turns = 0; turns < 30; turns++) {
    const bench = await BrokerBench.start(settings)
    await bench.createTopic('t')
    const produced = bench.produce('t', batchOf(['x']))
    for (let i = 0; i < turns; i++) await Promise.resolve()
    await Promise.all([produced, remove(bench, 't')])
    await bench.createTopic('t')
    expect(rowOf(await bench.fetch('t', 0)).end).toBe(0)
    expect(rowOf(await (await bench.restart()).fetch('t', 0)).end).toBe(0)
  }
})

test.each([
  [4, true],
  [4, false],
  [5, true],
  [5, false],
] as const)('a transaction over a deleted topic ends, EndTxn %i, committed %s', async (version, committed) => {
  for (const again of [false, true]) {
    const bench = await BrokerBench.start({ ...settings, 'transaction.version': version === 5 ? 2 : 1 })
    for (const name of ['t', 'u']) await bench.createTopic(name)
    const made = await bench.send('initProducerId', { transactionalId: 'x', transactionTimeoutMs: 60_000 })
    const claim = { transactionalId: 'x', producerId: made.producerId, producerEpoch: made.producerEpoch }
    const topics = ['t', 'u'].map((name) => ({ name, partitions: [0] }))
    await bench.send('addPartitionsToTxn', { transactions: [{ ...claim, topics }] }, 3)
    for (const name of ['t', 'u']) {
      const records = batchOf(['x'], { ...claim, baseSequence: 0, transactional: true })
      const topicData = [{ name, partitionData: [{ index: 0, records }] }]
      const { responses } = await bench.send('produce', { acks: -1, transactionalId: 'x', topicData }, 11)
      expect(responses[0]?.partitionResponses[0]?.errorCode).toBe(0)
    }
    await remove(bench, 't')
    if (again) await bench.createTopic('t')
    expect((await bench.send('endTxn', { ...claim, committed }, version)).errorCode).toBe(0)
    expect((await bench.fetch('u', 0, { isolationLevel: 1 })).responses[0]?.partitions[0]).toMatchObject({
      highWatermark: 2,
      lastStableOffset: 2,
    })
    if (again) expect(rowOf(await bench.fetch('t', 0))).toMatchObject({ error: 'NONE', end: 0 })
    const { transactionStates } = await (await bench.restart()).send('describeTransactions', {
      transactionalIds: ['x'],
    })
    expect(transactionStates[0]?.transactionState).toBe(committed ? 'CompleteCommit' : 'CompleteAbort')
  }
})

test('a commit for a topic that is being deleted is not there for the next topic of that name', async () => {
  const bench = await BrokerBench.start(settings)
  await bench.createTopic('t')
  const member = await bench.member('g')
  for (let turns = 0; turns < 20; turns++) {
    await bench.produce('t', batchOf(['a']))
    const committed = bench.commit('g', 't', 1, member)
    for (let i = 0; i < turns; i++) await Promise.resolve()
    await Promise.all([committed, remove(bench, 't')])
    await bench.createTopic('t')
    expect(await bench.committed('g', 't')).toBe(-1)
  }
  expect(await (await bench.restart()).committed('g', 't')).toBe(-1)
})
