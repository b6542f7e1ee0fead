import type { Partially, RequestOf } from '@millrace/protocol/internal'
import { batchOf } from './exchange/batches.ts'
import { contract } from './exchange/contract.ts'
import type { Session } from './exchange/session.ts'

type TopicAsked = Partially<RequestOf<'createTopics'>['topics'][number]>

const ofTopic = 2
const ofBroker = 4

function creation(topic: TopicAsked, validateOnly = false) {
  return { topics: [{ numPartitions: 1, replicationFactor: 1, ...topic }], timeoutMs: 10_000, validateOnly }
}

/** What a topic says of these configs, as both servers have them. */
async function described(
  session: Session,
  step: string,
  topic: string,
  keys: readonly string[],
  { version = 4, until = '' }: { readonly version?: number; readonly until?: string } = {},
): Promise<void> {
  const resources = [{ resourceType: ofTopic, resourceName: topic, configurationKeys: keys }]
  // A change reaches what is described a moment after it is answered.
  await session.ask(
    step,
    'describeConfigs',
    version,
    { resources },
    { until: (answer) => JSON.stringify(answer).includes(until) },
  )
}

contract('admin', {
  'topics: every version of a life': async (session) => {
    await session.everyVersion(
      'created',
      'createTopics',
      (version) => creation({ name: session.name(`orders ${version}`.replace(' ', '-')) }),
      { max: 4 },
    )
    await session.everyVersion('deleted', 'deleteTopics', (version) => ({
      topics: [{ name: session.name(`nothing-${version}`) }],
      timeoutMs: 10_000,
    }))
    const topic = await session.topic('gone')
    await session.ask('by name', 'deleteTopics', 6, { topics: [{ name: topic }], timeoutMs: 10_000 })
    const other = await session.topic('gone-too')
    const topicId = await session.topicId(other)
    await session.ask('by id', 'deleteTopics', 6, { topics: [{ topicId }], timeoutMs: 10_000 })
    await session.ask('by an id that nobody has', 'deleteTopics', 6, {
      topics: [{ topicId: 'AAAAAAAAAAAAAAAAAAAAAQ' }],
      timeoutMs: 10_000,
    })
    const twice = await session.topic('twice')
    await session.ask('twice in a request', 'deleteTopics', 5, {
      topics: [{ name: twice }, { name: twice }],
      timeoutMs: 10_000,
    })
  },

  'topics: what cannot be created': async (session) => {
    const ask = (step: string, topic: TopicAsked, validateOnly = false) =>
      session.ask(step, 'createTopics', 4, creation({ name: session.name('orders'), ...topic }, validateOnly))
    await ask('no name', { name: '' })
    await ask('a dot', { name: '.' })
    await ask('two dots', { name: '..' })
    await ask('a slash', { name: 'a/b' })
    await ask('a name of 250 characters', { name: 'x'.repeat(250) })
    await ask('no partitions', { numPartitions: 0 })
    await ask('-2 partitions', { numPartitions: -2 })
    await ask('no replicas', { replicationFactor: 0 })
    await ask('two replicas', { replicationFactor: 2 })
    await ask('-2 replicas', { replicationFactor: -2 })
    await ask('an unknown config', { configs: [{ name: 'colour', value: 'red' }] })
    await ask('a config of the wrong type', { configs: [{ name: 'retention.ms', value: 'soon' }] })
    await ask('a config out of its range', { configs: [{ name: 'min.insync.replicas', value: '0' }] })
    await ask('a config that is none of its choices', { configs: [{ name: 'cleanup.policy', value: 'burn' }] })
    await ask('a config without a value', { configs: [{ name: 'retention.ms', value: null }] })
    const assigned = (...brokers: number[][]) => ({
      numPartitions: -1,
      replicationFactor: -1,
      assignments: brokers.map((brokerIds, partitionIndex) => ({ partitionIndex, brokerIds })),
    })
    await ask('assigned to a broker that is not there', assigned([7]))
    await ask('assigned to the same broker twice', assigned([1, 1]))
    await ask('assigned to nobody', assigned([]))
    await ask('assigned, and counted as well', { ...assigned([1]), numPartitions: 1 })
    await ask('assigned with a gap', { ...assigned([1]), assignments: [{ partitionIndex: 3, brokerIds: [1] }] })
    await ask('only checked: good', {}, true)
    await ask('only checked: bad', { numPartitions: 0 }, true)
    await ask('assigned', { ...assigned([1], [1]), name: session.name('assigned') })
    const there = await session.topic('there')
    await ask('there already', { name: there })
    await ask('there already, only checked', { name: there }, true)
    const base = session.name('a.b')
    await ask('with a dot', { name: `${base}.x` })
    await ask('the same with an underscore', { name: `${base}_x` })
    await session.ask('twice in a request', 'createTopics', 4, {
      topics: [1, 2].map(() => ({ name: session.name('both'), numPartitions: 1, replicationFactor: 1 })),
      timeoutMs: 10_000,
    })
    await session.ask('nothing', 'createTopics', 4, { topics: [], timeoutMs: 10_000 })
  },

  partitions: async (session) => {
    const topic = await session.topic('orders', { partitions: 2 })
    const ask = (step: string, version: number, asked: object, validateOnly = false) =>
      session.ask(step, 'createPartitions', version, {
        topics: [{ name: topic, count: 2, assignments: null, ...asked }],
        timeoutMs: 10_000,
        validateOnly,
      })
    await ask('only checked', 3, { count: 5 }, true)
    await ask('as many as there are', 3, { count: 2 })
    await ask('fewer', 3, { count: 1 })
    await ask('-1', 3, { count: -1 })
    await ask('of a topic that is not there', 3, { name: session.name('nothing'), count: 3 })
    await ask('assigned to a broker that is not there', 3, { count: 3, assignments: [{ brokerIds: [9] }] })
    await ask('assigned too often', 3, { count: 3, assignments: [{ brokerIds: [1] }, { brokerIds: [1] }] })
    await ask('assigned', 3, { count: 3, assignments: [{ brokerIds: [1] }] })
    for (const version of [0, 1, 2, 3]) await ask('one more', version, { count: 4 + version })
    await session.eventually('all are there', async () => {
      const answer = await session.ask('', 'metadata', 9, { topics: [{ name: topic }] }, { quiet: true })
      return answer !== 'closed' && answer.topics[0]?.partitions.length === 7
    })
    await session.ready(topic)
    await session.ask('the topic', 'metadata', 9, { topics: [{ name: topic }] })
    await session.append(topic, 6, batchOf([{ value: 'x', timestampMs: session.time() }]))
    await session.ask('twice in a request', 'createPartitions', 3, {
      topics: [1, 2].map(() => ({ name: topic, count: 9, assignments: null })),
      timeoutMs: 10_000,
    })
  },

  configs: async (session) => {
    const topic = await session.topic('orders', { configs: { 'retention.ms': '60000' } })
    const shared = ['retention.ms', 'cleanup.policy', 'max.message.bytes', 'compression.type']
    for (const version of [1, 2, 3, 4]) await described(session, 'described', topic, shared, { version })
    const alter = (step: string, configs: readonly object[], more: object = {}, validateOnly = false) =>
      session.ask(step, 'incrementalAlterConfigs', 1, {
        resources: [{ resourceType: ofTopic, resourceName: topic, configs, ...more }],
        validateOnly,
      })
    const [set, remove, append, subtract] = [0, 1, 2, 3]
    await alter('set', [{ name: 'retention.ms', configOperation: set, value: '1000000' }])
    await alter('only checked', [{ name: 'retention.ms', configOperation: set, value: '5' }], {}, true)
    await alter('append', [{ name: 'cleanup.policy', configOperation: append, value: 'compact' }])
    await described(session, 'then', topic, shared, { until: 'delete,compact' })
    await alter('subtract', [{ name: 'cleanup.policy', configOperation: subtract, value: 'delete' }])
    await alter('remove', [{ name: 'retention.ms', configOperation: remove, value: null }])
    await described(session, 'at last', topic, shared, { until: '604800000' })
    await alter('append to what is no list', [{ name: 'retention.ms', configOperation: append, value: '1' }])
    await alter('an operation that is none', [{ name: 'retention.ms', configOperation: 9, value: '1' }])
    await alter('an unknown config', [{ name: 'colour', configOperation: set, value: 'red' }])
    await alter('a bad value', [{ name: 'retention.ms', configOperation: set, value: 'soon' }])
    await alter('no value', [{ name: 'retention.ms', configOperation: set, value: null }])
    await alter('the same twice', [
      { name: 'retention.ms', configOperation: set, value: '1' },
      { name: 'retention.ms', configOperation: set, value: '2' },
    ])
    await alter('of a topic that is not there', [], { resourceName: session.name('nothing') })
    await alter('of a topic that cannot be', [], { resourceName: 'a/b' })
    await alter('of a kind that is none', [], { resourceType: 77 })
    const resources = [{ resourceType: ofTopic, resourceName: topic, configurationKeys: ['max.message.bytes'] }]
    await session.ask('with synonyms', 'describeConfigs', 4, { resources, includeSynonyms: true })
    const all = await session.ask(
      '',
      'describeConfigs',
      4,
      { resources: [{ resourceType: ofTopic, resourceName: topic, configurationKeys: null }] },
      { quiet: true },
    )
    session.note(
      'all there are',
      all === 'closed'
        ? all
        : Object.fromEntries(
            all.results.flatMap(({ configs }) => configs.map(({ name, configType }) => [name, configType])),
          ),
    )
    await described(session, 'nothing of that', topic, shared)
    const replace = (step: string, configs: readonly object[]) =>
      session.ask(step, 'alterConfigs', 2, {
        resources: [{ resourceType: ofTopic, resourceName: topic, configs }],
        validateOnly: false,
      })
    await replace('all replaced', [{ name: 'max.message.bytes', value: '5000' }])
    await described(session, 'all replaced, then', topic, shared, { until: '5000' })
    await replace('by an unknown one', [{ name: 'colour', value: 'red' }])
  },

  'configs of what is not there': async (session) => {
    const ask = (step: string, resource: object) =>
      session.ask(step, 'describeConfigs', 4, {
        resources: [{ resourceType: ofTopic, resourceName: '', configurationKeys: ['retention.ms'], ...resource }],
      })
    await ask('a topic', { resourceName: session.name('nothing') })
    await ask('a topic without a name', {})
    await ask('a kind that is none', { resourceType: 77, resourceName: 'x' })
    await ask('another broker', { resourceType: ofBroker, resourceName: '99' })
    await ask('a broker that is no number', { resourceType: ofBroker, resourceName: 'one' })
    const topic = await session.topic('orders')
    await ask('a config that is not there', { resourceName: topic, configurationKeys: ['colour'] })
  },

  'producers of a partition': async (session) => {
    const topic = await session.topic('orders')
    const answer = await session.ask('', 'initProducerId', 4, { transactionalId: null }, { quiet: true })
    if (answer === 'closed') throw new Error('closed')
    const { producerId, producerEpoch } = answer
    const records = [{ value: 'x', timestampMs: session.time() }]
    await session.append(topic, 0, batchOf(records, { producerId, producerEpoch, baseSequence: 0 }))
    const ask = (step: string, name: string, partitionIndexes: readonly number[]) =>
      session.ask(step, 'describeProducers', 0, { topics: [{ name, partitionIndexes }] })
    await ask('one', topic, [0])
    await ask('a partition that is not there', topic, [5])
    await ask('a topic that is not there', session.name('nothing'), [0])
  },
})
