import type { Partially, RequestOf } from '@millrace/protocol/internal'
import { batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'

const ofBroker = 4

contract('admin-cluster', {
  'topic partitions': async (session) => {
    const topic = await session.topic('orders', { partitions: 3 })
    const ask = (step: string, request: Partially<RequestOf<'describeTopicPartitions'>>) =>
      session.ask(step, 'describeTopicPartitions', 0, { responsePartitionLimit: 2000, ...request })
    await ask('all', { topics: [{ name: topic }] })
    await ask('two of them', { topics: [{ name: topic }], responsePartitionLimit: 2 })
    await ask('from the second', { topics: [{ name: topic }], cursor: { topicName: topic, partitionIndex: 1 } })
    await ask('not there', { topics: [{ name: session.name('nothing') }] })
  },

  'log directories': async (session) => {
    const topic = await session.topic('orders')
    await session.append(topic, 0, batchOf([{ value: 'x', timestampMs: session.time() }]))
    const topics = [{ topic, partitions: [0] }]
    for (const version of [1, 2, 3, 4]) {
      const answer = await session.ask('', 'describeLogDirs', version, { topics }, { quiet: true })
      const known = answer === 'closed' ? [] : answer.results.flatMap((result) => result.topics)
      session.note(`version ${version}`, known)
    }
  },

  'things of a cluster of many': async (session) => {
    const topic = await session.topic('orders')
    const topicPartitions = [{ topic, partitions: [0] }]
    await session.everyVersion('an election', 'electLeaders', { electionType: 0, topicPartitions, timeoutMs: 5000 })
    await session.everyVersion('reassignments', 'listPartitionReassignments', { topics: null, timeoutMs: 5000 })
    await session.everyVersion(
      'resources with configs',
      'listConfigResources',
      { resourceTypes: [ofBroker] },
      { min: 1 },
    )
  },
})
