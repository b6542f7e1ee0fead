import { errorCodeOf } from '@millrace/kernel'
import { expect, test } from 'vitest'
import { BrokerBench } from './broker-bench.ts'
import { TransactionalProducer } from './transactional-producer.ts'

const settings = {
  'transaction.state.log.num.partitions': 1,
  'transaction.state.log.segment.bytes': 2048,
  'offsets.topic.num.partitions': 1,
  'offsets.topic.segment.bytes': 2048,
}

const sizeOf = (bench: BrokerBench, topic: string) => bench.directory.partition(topic, 0)?.sizeBytes ?? 0

async function fetched(bench: BrokerBench, groupId: string) {
  const groups = [{ groupId, topics: [{ name: 'in', partitionIndexes: [0] }] }]
  const answer = await bench.send('offsetFetch', { groups, requireStable: true }, 9)
  const partition = answer.groups[0]?.topics[0]?.partitions[0]
  return [errorCodeOf(partition?.errorCode ?? -1), partition?.committedOffset]
}

test('cleaned logs of groups and transactions are read as before, with what is open in them', async () => {
  let bench = await BrokerBench.start(settings)
  await bench.createTopic('in')
  await bench.createTopic('out')
  const open = await TransactionalProducer.start(bench, 'open', 2, 900_000)
  const busy = [
    await TransactionalProducer.start(bench, 'busy-1', 1),
    await TransactionalProducer.start(bench, 'busy-2', 2),
  ]
  for (let i = 1; i <= 120; i++) {
    for (const producer of busy) {
      expect(await producer.commitOffset(producer.transactionalId, 'in', i)).toBe('NONE')
      expect(await producer.end(i % 3 !== 0)).toBe('NONE')
    }
    await bench.commit('plain', 'in', i)
  }
  expect(await open.commitOffset('late', 'in', 7)).toBe('NONE')
  const before = { offsets: sizeOf(bench, '__consumer_offsets'), states: sizeOf(bench, '__transaction_state') }
  for (let i = 0; i < 100 && sizeOf(bench, '__transaction_state') > before.states / 2; i++)
    await bench.clock.advance(15_000)
  for (let i = 0; i < 100 && sizeOf(bench, '__consumer_offsets') > before.offsets / 2; i++)
    await bench.clock.advance(15_000)
  expect(sizeOf(bench, '__transaction_state')).toBeLessThan(before.states / 2)
  expect(sizeOf(bench, '__consumer_offsets')).toBeLessThan(before.offsets)
  bench = await bench.restart()
  expect(await fetched(bench, 'late')).toEqual(['UNSTABLE_OFFSET_COMMIT', -1])
  open.bench = bench
  expect(await open.end(true)).toBe('NONE')
  expect(await fetched(bench, 'late')).toEqual(['NONE', 7])
  expect(await fetched(bench, 'busy-1')).toEqual(['NONE', 119])
  expect(await fetched(bench, 'busy-2')).toEqual(['NONE', 119])
  expect(await fetched(bench, 'plain')).toEqual(['NONE', 120])
  for (const producer of busy) {
    producer.bench = bench
    expect(await producer.commitOffset(producer.transactionalId, 'in', 200)).toBe('NONE')
    expect(await producer.end(true)).toBe('NONE')
    expect(await fetched(bench, producer.transactionalId)).toEqual(['NONE', 200])
  }
})
