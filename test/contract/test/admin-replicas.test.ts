import type { Partially, RequestOf } from '@millrace/protocol/internal'
import { contract } from './exchange/contract.ts'

const types = { topic: 2, broker: 4, clientMetrics: 16, group: 32 } as const

contract('admin-replicas', {
  'elections of leaders': async (session) => {
    const topic = await session.topic('orders', { partitions: 2 })
    const ask = (step: string, request: Partially<RequestOf<'electLeaders'>>, range = {}) =>
      session.everyVersion(step, 'electLeaders', { timeoutMs: 5000, ...request }, range)
    await ask('of the preferred', { topicPartitions: [{ topic, partitions: [0, 1] }] })
    await ask('of any that lives', { electionType: 1, topicPartitions: [{ topic, partitions: [1] }] }, { min: 1 })
    await ask('of a partition that is not there', { topicPartitions: [{ topic, partitions: [0, 7, -1] }] })
    await ask('of a topic that is not there', {
      topicPartitions: [{ topic: session.name('nothing'), partitions: [0] }],
    })
    await ask('of no partition', { topicPartitions: [{ topic, partitions: [] }] })
    await ask('of nothing', { topicPartitions: [] })
    await ask('of a type that is none', { electionType: 7, topicPartitions: [{ topic, partitions: [0] }] }, { min: 1 })
  },

  'moves of replicas': async (session) => {
    const topic = await session.topic('orders', { partitions: 2 })
    const [nodeId] = await brokers(session)
    const move = (
      step: string,
      replicas: number[] | null,
      rest: Partially<RequestOf<'alterPartitionReassignments'>> = {},
    ) =>
      session.everyVersion(step, 'alterPartitionReassignments', {
        timeoutMs: 5000,
        topics: [{ name: topic, partitions: [{ partitionIndex: 0, replicas }] }],
        ...rest,
      })
    await move('to where it lies', [nodeId])
    await move('taken back', null)
    await move('to a broker that is not there', [77])
    await move('to nowhere', [])
    await move('twice to one broker', [nodeId, nodeId])
    const partitions = [{ partitionIndex: 9, replicas: [nodeId] }]
    await move('of a partition that is not there', null, { topics: [{ name: topic, partitions }] })
    await move('of a topic that is not there', null, { topics: [{ name: session.name('nothing'), partitions }] })
    await move('of nothing', null, { topics: [] })
    const changed = { topics: [{ name: topic, partitions: [{ partitionIndex: 0, replicas: [nodeId, 77] }] }] }
    const fixed = { timeoutMs: 5000, allowReplicationFactorChange: false, ...changed }
    await session.everyVersion('that change the factor', 'alterPartitionReassignments', fixed, { min: 1 })
  },

  'moves under way': async (session) => {
    const topic = await session.topic('orders')
    const ask = (step: string, topics: RequestOf<'listPartitionReassignments'>['topics']) =>
      session.everyVersion(step, 'listPartitionReassignments', { timeoutMs: 5000, topics })
    await ask('of all', null)
    await ask('of a topic', [{ name: topic, partitionIndexes: [0] }])
    await ask('of a topic that is not there', [{ name: session.name('nothing'), partitionIndexes: [0] }])
  },

  'resources with configs': async (session) => {
    const topic = await session.topic('orders')
    const ask = async (step: string, resourceTypes: number[]) => {
      const answer = await session.ask(step, 'listConfigResources', 1, { resourceTypes }, { quiet: true })
      if (answer === 'closed') throw new Error('no answer')
      const { errorCode, configResources } = answer
      // Others have topics, too, and each server a broker of its own number.
      const own = configResources.filter(
        ({ resourceName, resourceType: type }) => type !== types.topic || resourceName === topic,
      )
      const seen = own.map(({ resourceName, resourceType: type }) => [type, type === types.topic ? resourceName : '-'])
      session.note(step, [errorCode, ...seen])
    }
    await ask('topics', [types.topic])
    await ask('brokers', [types.broker])
    await ask('both', [types.broker, types.topic])
    await ask('twice the same', [types.broker, types.broker])
    await ask('metrics of clients', [types.clientMetrics])
    await ask('groups', [types.group])
    await ask('a type that is none', [99])
    await session.ask('as it was before', 'listConfigResources', 0, {})
  },
})

async function brokers(session: Parameters<Parameters<typeof contract>[1][string]>[0]): Promise<[number, ...number[]]> {
  const answer = await session.ask('', 'describeCluster', 0, {}, { quiet: true })
  const ids = answer === 'closed' ? [] : answer.brokers.map(({ brokerId }) => brokerId)
  const [first, ...rest] = ids
  if (first === undefined) throw new Error('no broker')
  return [first, ...rest]
}
