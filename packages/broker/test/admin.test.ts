import { errorCodeOf, errorTable } from '@millrace/kernel'
import { apiOf, type ResponseOf, servedApis } from '@millrace/protocol/internal'
import { describe, expect, test } from 'vitest'
import { readSettings } from '../src/settings.ts'
import { BrokerBench, batchOf, recordsOf } from './broker-bench.ts'

const name = (code: number | undefined) => (code === undefined ? undefined : errorCodeOf(code))

describe('topics', () => {
  const create = async (bench: BrokerBench, topic: object, validateOnly = false) => {
    const { topics } = await bench.send('createTopics', {
      topics: [{ numPartitions: 1, replicationFactor: -1, ...topic }],
      validateOnly,
    })
    return topics[0]
  }

  test('are made with their configs, which are told', async () => {
    const bench = await BrokerBench.start({ 'num.partitions': 3 })
    const made = await create(bench, { name: 't', numPartitions: -1, configs: [{ name: 'retention.ms', value: '-1' }] })
    expect(made).toMatchObject({ errorCode: 0, numPartitions: 3, replicationFactor: 1 })
    expect(made?.configs?.find((config) => config.name === 'retention.ms')).toMatchObject({
      value: '-1',
      configSource: 1,
    })
    expect(bench.directory.topic('t')?.topicId).toBe(made?.topicId)
  })

  test.each([
    [{ name: 'a b' }, 'INVALID_TOPIC_EXCEPTION'],
    [{ name: 'here' }, 'TOPIC_ALREADY_EXISTS'],
    [{ name: '__consumer_offsets' }, 'INVALID_TOPIC_EXCEPTION'],
    [{ name: 't', numPartitions: 0 }, 'INVALID_PARTITIONS'],
    [{ name: 't', replicationFactor: 3 }, 'INVALID_REPLICATION_FACTOR'],
    [{ name: 't', configs: [{ name: 'retention.mss', value: '1' }] }, 'INVALID_CONFIG'],
    [{ name: 't', configs: [{ name: 'retention.ms', value: 'soon' }] }, 'INVALID_CONFIG'],
    [{ name: 't', configs: [{ name: 'retention.ms', value: null }] }, 'INVALID_CONFIG'],
    [{ name: 't', assignments: [{ partitionIndex: 0, brokerIds: [0] }] }, 'INVALID_REQUEST'],
    [
      { name: 't', numPartitions: -1, assignments: [{ partitionIndex: 0, brokerIds: [0, 1] }] },
      'INVALID_REPLICA_ASSIGNMENT',
    ],
  ] as const)('%j is refused: %s', async (topic, code) => {
    const bench = await BrokerBench.start()
    await bench.createTopic('here')
    for (const validateOnly of [true, false]) {
      const answer = await create(bench, topic, validateOnly)
      expect(name(answer?.errorCode)).toBe(code)
      expect(answer?.errorMessage).toBeTruthy()
      if (answer?.errorMessage !== errorTable[code].text)
        expect(answer?.errorMessage).not.toContain(errorTable[code].text)
    }
    expect(bench.directory.topics()).toHaveLength(1)
  })

  test('validateOnly makes nothing', async () => {
    const bench = await BrokerBench.start()
    expect((await create(bench, { name: 't' }, true))?.errorCode).toBe(0)
    expect(bench.directory.topics()).toEqual([])
  })

  test('are made on demand, unless that is switched off or not wanted', async () => {
    const metadata = async (bench: BrokerBench, allowAutoTopicCreation: boolean, topic = 't') => {
      const { topics } = await bench.send('metadata', { topics: [{ name: topic }], allowAutoTopicCreation })
      return name(topics[0]?.errorCode)
    }
    const bench = await BrokerBench.start()
    expect(await metadata(bench, false)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(await Promise.all([metadata(bench, true), metadata(bench, true)])).toEqual(['NONE', 'NONE'])
    expect(await metadata(bench, true, 'a b')).toBe('INVALID_TOPIC_EXCEPTION')
    expect(await metadata(bench, false, 'a b')).toBe('INVALID_TOPIC_EXCEPTION')
    expect(await metadata(bench, true, '__consumer_offsets')).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    const strict = await BrokerBench.start({ 'auto.create.topics.enable': false })
    expect(await metadata(strict, true)).toBe('UNKNOWN_TOPIC_OR_PARTITION')
  })

  test('are deleted by name or id', async () => {
    const bench = await BrokerBench.start()
    const topicId = await bench.createTopic('a')
    await bench.createTopic('b')
    const remove = async (topic: object) =>
      name((await bench.send('deleteTopics', { topics: [topic] })).responses[0]?.errorCode)
    expect(await remove({ name: null, topicId })).toBe('NONE')
    expect(await remove({ name: null, topicId })).toBe('UNKNOWN_TOPIC_ID')
    expect(await remove({ name: 'b' })).toBe('NONE')
    expect(await remove({ name: 'b' })).toBe('UNKNOWN_TOPIC_OR_PARTITION')
    expect(bench.directory.topics()).toEqual([])
  })

  test('get more partitions, never fewer', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t', 2)
    const grow = async (count: number, validateOnly = false) => {
      const answer = await bench.send('createPartitions', {
        topics: [{ name: 't', count, assignments: null }],
        validateOnly,
      })
      return name(answer.results[0]?.errorCode)
    }
    expect(await grow(2)).toBe('INVALID_PARTITIONS')
    expect(await grow(4, true)).toBe('NONE')
    expect(bench.directory.topic('t')?.partitions).toBe(2)
    expect(await grow(4)).toBe('NONE')
    expect(await bench.produce('t', batchOf(['a']), { index: 3 })).toMatchObject({ errorCode: 0 })
  })
})

describe('deleting records', () => {
  const del = async (bench: BrokerBench, topic: string, offset: number, partitionIndex = 0) => {
    const request = { topics: [{ name: topic, partitions: [{ partitionIndex, offset }] }], timeoutMs: 1000 }
    const { errorCode, lowWatermark } = (await bench.send('deleteRecords', request)).topics[0]!.partitions[0]!
    return [errorCodeOf(errorCode), lowWatermark]
  }

  test('moves the log start, for good: after an answer no loss of power brings them back', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    await bench.produce('t', batchOf(['a', 'b', 'c']), { acks: 1 })
    expect(await del(bench, 't', 2)).toEqual(['NONE', 2])
    expect(await del(bench, 't', 1)).toEqual(['NONE', 2])
    for (let seed = 0; seed < 20; seed++) {
      const after = await bench.powerCut(seed)
      expect(errorCodeOf(recordsOf(await after.fetch('t', 1)).errorCode)).toBe('OFFSET_OUT_OF_RANGE')
      expect(recordsOf(await after.fetch('t', 2))).toMatchObject({ logStartOffset: 2, highWatermark: 3 })
      expect(await del(after, 't', -1)).toEqual(['NONE', 3])
    }
  })

  test('refuses as Kafka does', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t')
    await bench.createTopic('compacted', 1, { 'cleanup.policy': 'compact' })
    expect(await del(bench, 't', 1)).toEqual(['OFFSET_OUT_OF_RANGE', -1])
    expect(await del(bench, 't', -2)).toEqual(['OFFSET_OUT_OF_RANGE', -1])
    expect(await del(bench, 't', 0, 7)).toEqual(['UNKNOWN_TOPIC_OR_PARTITION', -1])
    expect(await del(bench, 'compacted', 0)).toEqual(['POLICY_VIOLATION', -1])
    expect(await del(bench, '__consumer_offsets', 0)).toEqual(['INVALID_TOPIC_EXCEPTION', -1])
  })
})

describe('configs', () => {
  test('are described with where they come from', async () => {
    const bench = await BrokerBench.start({ 'num.partitions': 5 })
    await bench.createTopic('t', 1, { 'retention.ms': '7' })
    const { results } = await bench.send('describeConfigs', {
      resources: [
        { resourceType: 2, resourceName: 't', configurationKeys: ['retention.ms', 'segment.bytes'] },
        { resourceType: 4, resourceName: '0', configurationKeys: ['num.partitions'] },
        { resourceType: 2, resourceName: 'none', configurationKeys: null },
        { resourceType: 4, resourceName: '9', configurationKeys: null },
      ],
      includeSynonyms: true,
    })
    expect(results.map(({ errorCode }) => name(errorCode))).toEqual([
      'NONE',
      'NONE',
      'UNKNOWN_TOPIC_OR_PARTITION',
      'INVALID_REQUEST',
    ])
    const told = results.flatMap(({ configs }) =>
      configs.map((config) => [config.name, config.value, config.configSource]),
    )
    expect(told).toEqual([
      ['retention.ms', '7', 1],
      ['segment.bytes', '1073741824', 5],
      ['num.partitions', '5', 4],
    ])
    expect(results[0]?.configs[0]?.synonyms.map(({ source }) => source)).toEqual([1, 5])
  })

  test('are changed one by one, or all at once', async () => {
    const bench = await BrokerBench.start()
    await bench.createTopic('t', 1, { 'retention.ms': '7', 'segment.bytes': '1000000' })
    const own = () => Object.fromEntries(bench.directory.topic('t')?.configs ?? [])
    const change = async (config: string, configOperation: number, value: string | null) => {
      const configs = [{ name: config, configOperation, value }]
      const { responses } = await bench.send('incrementalAlterConfigs', {
        resources: [{ resourceType: 2, resourceName: 't', configs }],
      })
      return name(responses[0]?.errorCode)
    }
    expect(await change('retention.ms', 0, '8')).toBe('NONE')
    expect(await change('segment.bytes', 1, null)).toBe('NONE')
    expect(await change('cleanup.policy', 2, 'compact')).toBe('NONE')
    expect(own()).toEqual({ 'retention.ms': '8', 'cleanup.policy': 'delete,compact' })
    expect(await change('cleanup.policy', 3, 'delete')).toBe('NONE')
    expect(own()['cleanup.policy']).toBe('compact')
    expect(await change('retention.ms', 2, '8')).toBe('INVALID_CONFIG')
    expect(await change('retention.ms', 0, 'x')).toBe('INVALID_CONFIG')
    expect(await change('retention.ms', 9, '1')).toBe('INVALID_REQUEST')
    const configs = [{ name: 'retention.ms', value: '9' }]
    await bench.send('alterConfigs', { resources: [{ resourceType: 2, resourceName: 't', configs }] })
    expect(own()).toEqual({ 'retention.ms': '9' })
    const broker = await bench.send('alterConfigs', { resources: [{ resourceType: 4, resourceName: '0', configs }] })
    expect(name(broker.responses[0]?.errorCode)).toBe('INVALID_CONFIG')
  })
})

test('of the broker itself, only what was never set can be taken back', async () => {
  const bench = await BrokerBench.start()
  const change = async (configOperation: number, resourceName = '0') => {
    const configs = [{ name: 'leader.replication.throttled.rate', configOperation, value: null }]
    const resources = [{ resourceType: 4, resourceName, configs }]
    const { responses } = await bench.send('incrementalAlterConfigs', { resources })
    return name(responses[0]?.errorCode)
  }
  expect([await change(1), await change(1, ''), await change(1, '9'), await change(0)]).toEqual([
    'NONE',
    'NONE',
    'INVALID_REQUEST',
    'INVALID_CONFIG',
  ])
})

test('this broker is the cluster, its controller and every coordinator', async () => {
  const bench = await BrokerBench.start({ 'node.id': 3 })
  bench.broker.endpoints.add('BENCH', { host: 'here', port: 9 })
  const at = { host: 'here', port: 9 }
  const cluster = await bench.send('describeCluster', {})
  expect(cluster).toMatchObject({
    controllerId: 3,
    clusterId: bench.directory.clusterId,
    brokers: [{ brokerId: 3, ...at }],
  })
  expect(await bench.send('metadata', { topics: null })).toMatchObject({
    controllerId: 3,
    brokers: [{ nodeId: 3, ...at }],
  })
  const { coordinators } = await bench.send('findCoordinator', { keyType: 0, coordinatorKeys: ['g', ''] })
  expect(coordinators[0]).toMatchObject({ key: 'g', nodeId: 3, ...at, errorCode: 0 })
  expect(name(coordinators[1]?.errorCode)).toBe('NONE')
})

test('where an epoch ended', async () => {
  let bench = await BrokerBench.start()
  await bench.createTopic('t')
  await bench.produce('t', batchOf(['a', 'b']))
  const first = bench.directory.partition('t', 0)?.leaderEpoch ?? 0
  bench = await bench.powerCut(1)
  await bench.produce('t', batchOf(['c']))
  const ask = async (leaderEpoch: number, currentLeaderEpoch = -1) => {
    const topics = [{ topic: 't', partitions: [{ partition: 0, leaderEpoch, currentLeaderEpoch }] }]
    return (await bench.send('offsetForLeaderEpoch', { topics })).topics[0]?.partitions[0]
  }
  expect(await ask(first)).toMatchObject({ errorCode: 0, leaderEpoch: first, endOffset: 2 })
  expect(await ask(first + 1)).toMatchObject({ leaderEpoch: first + 1, endOffset: 3 })
  expect(name((await ask(first, first))?.errorCode)).toBe('FENCED_LEADER_EPOCH')
})

test('what is offered is answered, and what is not answered is not offered', async () => {
  const bench = await BrokerBench.start()
  const { apiKeys } = await bench.send('apiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
  for (const { apiKey } of apiKeys) {
    const api = servedApis.get(apiKey)?.name
    if (api === undefined || api === 'joinGroup' || api === 'syncGroup') continue
    // An empty request of each: whatever is wrong with it is said in the answer.
    await expect(bench.send(api, {}, apiOf(api).versions.max)).resolves.toBeDefined()
  }
  const offered = new Set(apiKeys.map(({ apiKey }) => apiKey))
  for (const [key, { name: api }] of servedApis) {
    if (!offered.has(key)) await expect(bench.send(api, {})).rejects.toMatchObject({ code: 'UNSUPPORTED_VERSION' })
  }
})

describe('settings', () => {
  test('are read from values and from text', () => {
    const settings = readSettings({ 'num.partitions': '12', 'auto.create.topics.enable': 'false' })
    expect([settings['num.partitions'], settings['auto.create.topics.enable'], settings['node.id']]).toEqual([
      12,
      false,
      0,
    ])
  })

  test.each([
    [{ 'num.partition': 1 }, 'num.partitions'],
    [{ 'log.retention.hour': 1 }, 'Did you mean "log.retention.hours"'],
    [{ 'num.partitions': 0 }, 'num.partitions'],
    [{ 'num.partitions': 'many' }, 'num.partitions'],
    [{ 'auto.create.topics.enable': 1 }, 'auto.create.topics.enable'],
    [
      { 'group.min.session.timeout.ms': 20_000, 'group.max.session.timeout.ms': 10_000 },
      'group.min.session.timeout.ms',
    ],
  ])('%j is refused, naming %s', (given, told) => {
    expect(() => readSettings(Object.fromEntries(Object.entries<boolean | number | string>(given)))).toThrow(told)
  })
})

test('topics are described page by page', async () => {
  const bench = await BrokerBench.start()
  const sizes = { a: 3, b: 1, c: 4 }
  for (const [topic, partitions] of Object.entries(sizes)) await bench.createTopic(topic, partitions)
  const topics = ['c', 'a', 'missing', 'b'].map((topic) => ({ name: topic }))
  const seen: string[] = []
  let cursor: { readonly topicName: string; readonly partitionIndex: number } | null = null
  do {
    const page: ResponseOf<'describeTopicPartitions'> = await bench.send('describeTopicPartitions', {
      topics,
      responsePartitionLimit: 2,
      cursor,
    })
    expect(page.topics.flatMap(({ partitions }) => partitions).length).toBeLessThanOrEqual(2)
    for (const row of page.topics) {
      if (row.errorCode !== 0) seen.push(`${row.name} ${name(row.errorCode)}`)
      for (const { partitionIndex } of row.partitions) seen.push(`${row.name}-${partitionIndex}`)
    }
    cursor = page.nextCursor
  } while (cursor !== null)
  expect(seen).toEqual(['a-0', 'a-1', 'a-2', 'b-0', 'c-0', 'c-1', 'c-2', 'c-3', 'missing UNKNOWN_TOPIC_OR_PARTITION'])
})

test('the data directory is described, partition by partition', async () => {
  const bench = await BrokerBench.start()
  await bench.createTopic('t', 2)
  await bench.produce('t', batchOf(['a']), { index: 1 })
  const all = await bench.send('describeLogDirs', { topics: null })
  expect(all.results[0]?.logDir).toBe('/data')
  const { totalBytes = 0, usableBytes = 0 } = all.results[0] ?? {}
  expect(usableBytes).toBeGreaterThan(0)
  expect(usableBytes).toBeLessThan(totalBytes)
  const sizes = all.results[0]?.topics.find((topic) => topic.name === 't')?.partitions
  expect(sizes?.map(({ partitionSize }) => partitionSize > 0)).toEqual([false, true])
  const some = await bench.send('describeLogDirs', { topics: [{ topic: 't', partitions: [1, 9] }] })
  expect(some.results[0]?.topics).toMatchObject([{ name: 't', partitions: [{ partitionIndex: 1 }] }])
})
