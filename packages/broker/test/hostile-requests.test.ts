import { expect, test } from 'vitest'
import { BrokerBench, batchOf } from './broker-bench.ts'

const many = 100_000
const numbers = Array.from({ length: many }, (_, i) => i)

test('what is told of a name is told once, however often a request repeats it', async () => {
  const bench = await BrokerBench.start()
  const topicId = await bench.createTopic('t', 100)
  await bench.send('offsetCommit', {
    groupId: 'g',
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 0 }] }],
  })
  const repeated = numbers.slice(0, 1000)
  const metadata = await bench.send('metadata', {
    topics: repeated.flatMap(() => [{ name: 't' }, { name: 'none' }, { name: null, topicId }]),
    allowAutoTopicCreation: false,
  })
  expect(metadata.topics.map(({ name }) => name)).toEqual(['t', 'none', 't'])
  const configs = await bench.send('describeConfigs', {
    resources: repeated.map(() => ({ resourceType: 4, resourceName: '0', configurationKeys: null })),
  })
  expect(configs.results).toHaveLength(1)
  expect((await bench.send('describeGroups', { groups: repeated.map(() => 'g') })).groups).toHaveLength(1)
  const offsets = await bench.send('offsetFetch', { groups: repeated.map(() => ({ groupId: 'g', topics: null })) })
  expect(offsets.groups).toHaveLength(1)
  const transactions = await bench.send('describeTransactions', { transactionalIds: repeated.map(() => 'tx') })
  expect(transactions.transactionStates).toHaveLength(1)
  const producers = await bench.send('describeProducers', {
    topics: repeated.map(() => ({ name: 't', partitionIndexes: [0, 0, 0] })),
  })
  expect(producers.topics.map(({ partitions }) => partitions.length)).toEqual([1])
})

test('a topic that is altered twice in one request stays as it is', async () => {
  const bench = await BrokerBench.start()
  await bench.createTopic('t')
  const resource = (value: string) => ({
    resourceType: 2,
    resourceName: 't',
    configs: [{ name: 'retention.ms', value }],
  })
  for (const api of ['alterConfigs', 'incrementalAlterConfigs'] as const) {
    const { responses } = await bench.send(api, { resources: [resource('1'), resource('2')] })
    expect(responses).toEqual([expect.objectContaining({ errorCode: 42, resourceName: 't' })])
  }
  expect(bench.directory.topic('t')?.configs.size).toBe(0)
})

test('records of a partition that is named again and again are deleted once, up to the last offset', async () => {
  const bench = await BrokerBench.start()
  await bench.createTopic('t')
  await bench.produce('t', batchOf(['a', 'b', 'c', 'd']))
  const partitions = [3, 1, 2].map((offset) => ({ partitionIndex: 0, offset }))
  const { topics } = await bench.send('deleteRecords', {
    topics: [
      { name: 't', partitions },
      { name: 't', partitions },
    ],
  })
  expect(topics).toEqual([{ name: 't', partitions: [{ partitionIndex: 0, lowWatermark: 2, errorCode: 0 }] }])
})

test('a request of very many items takes as long as they are many, not their square', async () => {
  const bench = await BrokerBench.start()
  await bench.createTopic('t')
  const partitions = numbers.map((partitionIndex) => ({ partitionIndex, timestamp: -1 }))
  const listed = await bench.send('listOffsets', {
    topics: [{ name: 't', partitions: [...partitions, partitions[5]!] }],
  })
  expect(listed.topics[0]?.partitions).toHaveLength(many)
  expect(listed.topics[0]?.partitions.find(({ partitionIndex }) => partitionIndex === 5)?.errorCode).toBe(42)
  const topics = numbers.map((i) => ({ name: `none-${i}`, count: 2 }))
  const refused = await bench.send('createPartitions', { topics: [...topics, topics[0]!] })
  expect(refused.results).toHaveLength(many)
})

test('one request makes 10,000 partitions at most, by whatever API, and else none', async () => {
  const bench = await BrokerBench.start({ 'num.partitions': 6000, 'auto.create.topics.enable': true })
  const topics = ['a', 'b'].map((name) => ({ name, numPartitions: -1, replicationFactor: -1 }))
  const created = await bench.send('createTopics', { topics, validateOnly: true })
  expect(created.topics.map(({ errorCode }) => errorCode)).toEqual([44, 44])
  const alone = await bench.send('createTopics', { topics: topics.slice(1), validateOnly: true })
  expect(alone.topics.map(({ errorCode }) => errorCode)).toEqual([0])
  const metadata = await bench.send('metadata', {
    topics: [{ name: 'a' }, { name: 'b' }],
    allowAutoTopicCreation: true,
  })
  expect(metadata.topics.map(({ errorCode }) => errorCode)).toEqual([3, 3])
  expect(bench.directory.topics()).toEqual([])
})

test.each([
  ['many', ['a', 'b', 'c']],
  ['long', ['a', 'b'.repeat(1000), 'c']],
])('transactional ids have a bound, be they %s', async (_, ids) => {
  const bench = await BrokerBench.start({ 'transactional.ids.max': 2 })
  const codes = async () => {
    const all: number[] = []
    for (const transactionalId of ids) {
      const request = { transactionalId, transactionTimeoutMs: 1000, producerId: -1, producerEpoch: -1 }
      all.push((await bench.send('initProducerId', request)).errorCode)
    }
    return all
  }
  expect(await codes()).toEqual([0, 0, 51])
  expect(await codes()).toEqual([0, 0, 51])
})
