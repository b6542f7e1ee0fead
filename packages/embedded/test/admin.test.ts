import { type Admin, rangeAssignor } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterUnderTest, transports } from './cluster-under-test.ts'

describe.each(transports)('the admin over %s', (transport) => {
  let cluster: ClusterUnderTest
  let admin: Admin
  beforeEach(async () => {
    cluster = await ClusterUnderTest.start(transport)
    admin = cluster.client().admin()
    await admin.createTopics([{ name: 't', partitions: 3, configs: { 'retention.ms': '60000' } }, { name: 'u' }])
  })
  afterEach(() => cluster.stop())

  const at = (partition: number) => ({ topic: 't', partition })
  const positions = (...offsets: number[]) => {
    const map = new TopicPartitionMap<{ offset: ReturnType<typeof offset>; leaderEpoch: number; metadata: string }>()
    offsets.forEach((each, partition) => {
      map.set('t', partition, { offset: offset(each), leaderEpoch: -1, metadata: `${partition}` })
    })
    return map
  }

  it('makes, describes, grows and deletes topics', async () => {
    expect(await admin.createTopics([{ name: 'dry' }], { validateOnly: true })).toEqual(['dry'])
    expect(await admin.createTopics([{ name: 't' }, { name: 'v' }])).toEqual(['v'])
    expect(await admin.listTopics()).toEqual(expect.arrayContaining(['t', 'u', 'v']))
    expect(await admin.listTopics()).not.toContain('dry')
    await admin.createPartitions('u', 4)
    const described = await admin.describeTopics(['u', 't', 'missing'])
    expect(described.map(({ name, partitions }) => [name, partitions.length])).toEqual([
      ['t', 3],
      ['u', 4],
    ])
    const node = described[0]?.partitions[0]?.leader
    expect(described[0]?.partitions[0]).toMatchObject({ replicas: [node], inSync: [node], offline: [] })
    await admin.deleteTopics(['u', 'v'])
    const unknown = { code: 'UNKNOWN_TOPIC_OR_PARTITION' }
    await admin.createTopics([{ name: 'w' }])
    await expect(admin.deleteTopics(['u', 'w'])).rejects.toMatchObject(unknown)
    expect(await admin.listTopics()).not.toContain('w')
    await expect(admin.createPartitions('u', 9)).rejects.toMatchObject(unknown)
    await expect(admin.alterTopicConfigs('u', { 'retention.ms': '1' })).rejects.toMatchObject(unknown)
    await expect(admin.createTopics([{ name: 'a/b' }])).rejects.toMatchObject({ code: 'INVALID_TOPIC_EXCEPTION' })
  })

  it('reads and changes configs', async () => {
    expect((await admin.topicConfigs('t')).get('retention.ms')).toMatchObject({ value: '60000', source: 'topic' })
    const resource = { type: 'topic', name: 't' } as const
    await admin.alterConfigs(resource, { 'retention.ms': null, 'max.message.bytes': '2000' })
    const configs = await admin.describeConfigs(resource)
    expect(configs.get('retention.ms')).toMatchObject({ source: 'default' })
    expect(configs.get('max.message.bytes')).toMatchObject({ value: '2000', source: 'topic' })
    await expect(admin.alterConfigs(resource, { 'retention.ms': 'x' })).rejects.toMatchObject({
      code: 'INVALID_CONFIG',
    })
  })

  it('reads, sets and deletes the positions of a group', async () => {
    await admin.alterGroupOffsets('g', positions(5, 6, 7))
    await admin.deleteGroupOffsets('g', [at(1)])
    const left = await admin.groupOffsets('g')
    expect([...left].map(([{ partition }, { offset: to, metadata }]) => [partition, to, metadata])).toEqual([
      [0, 5, '0'],
      [2, 7, '2'],
    ])
    const reader = cluster.client().consumer({ groupId: 'g', assignors: [rangeAssignor()] })
    reader.subscribe(['t'])
    while (reader.assignment().length === 0) await reader.poll({ timeoutMs: 20 })
    await expect(admin.deleteGroupOffsets('g', [at(0)])).rejects.toMatchObject({ code: 'GROUP_SUBSCRIBED_TO_TOPIC' })
    await expect(admin.deleteGroups(['g'])).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' })
    await reader.close()
    await admin.deleteGroups(['g'])
    expect(await admin.listGroups()).toEqual([])
  })

  it('finds offsets, producers and what lies on disk', async () => {
    const producer = cluster.client().producer()
    for (const timestampMs of [3_000, 9_000, 6_000]) {
      await producer.send({ topic: 't', partition: 0, value: 'v', timestampMs: Date.now() - 60_000 + timestampMs })
    }
    const found = async (time: Parameters<Admin['listOffsets']>[1]) =>
      (await admin.listOffsets([at(0)], time)).get('t', 0)
    expect(await found('earliest')).toBe(0)
    expect(await found('latest')).toBe(3)
    expect(await found('max-timestamp')).toBe(1)
    const [active] = (await admin.describeProducers([at(0)])).get('t', 0) ?? []
    expect(active).toMatchObject({ producerEpoch: 0, lastSequence: 2, openSince: undefined })
    await producer.close()
    const [directory] = await admin.describeLogDirs()
    const rows = directory?.partitions.filter(({ topic }) => topic === 't') ?? []
    expect(rows.map(({ partition }) => partition)).toEqual([0, 1, 2])
    expect(rows[0]?.bytes).toBeGreaterThan(rows[1]?.bytes ?? 0)
    const before = new TopicPartitionMap<ReturnType<typeof offset>>()
    await admin.deleteRecords(before.set('t', 0, offset(2)))
    expect(await found('earliest')).toBe(2)
  })

  it('finds transactions', async () => {
    const producer = cluster.client().producer({ transactionalId: 'x' })
    await producer.initTransactions()
    producer.beginTransaction()
    await producer.send({ topic: 't', partition: 2, value: 'v' })
    expect(await admin.listTransactions({ states: ['Ongoing'] })).toMatchObject([{ transactionalId: 'x' }])
    const [open] = await admin.describeTransactions(['x'])
    expect(open).toMatchObject({ state: 'Ongoing', partitions: [at(2)] })
    const [active] = (await admin.describeProducers([at(2)])).get('t', 2) ?? []
    expect(active).toMatchObject({ producerId: open?.producerId, openSince: 0 })
    await producer.abortTransaction()
    await expect(admin.describeTransactions(['y'])).rejects.toMatchObject({ code: 'TRANSACTIONAL_ID_NOT_FOUND' })
    await producer.close()
  })

  it('refuses what is misspelt before it asks, and ends with its signal', async () => {
    const operation = JSON.parse('"raed"')
    await expect(admin.describeAcls({ operation })).rejects.toThrow(/Did you mean "read"/)
    await expect(admin.setScramUser('a', { password: 'p', iterations: 1 })).rejects.toMatchObject({ code: 'CONFIG' })
    await expect(admin.listGroups({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'ABORTED' })
    expect(await admin.describeCluster()).toMatchObject({ brokers: [{ rack: null }] })
  })
})
