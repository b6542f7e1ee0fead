import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import kafkajs from 'kafkajs'
import { eventually } from '../eventually.ts'
import type { Case } from './cases.ts'

const { ConfigResourceTypes } = kafkajs

export const adminCases: Readonly<Record<string, Case>> = {
  'admin: topics are made, listed, described and deleted': async (world) => {
    const admin = await world.admin()
    const topic = world.name('topic')
    equal(await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] }), true)
    equal(await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] }), false)
    await eventually(async () => (await admin.listTopics()).includes(topic))
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    deepEqual(topics[0]?.partitions.map((partition) => partition.partitionId).sort(), [0, 1, 2])
    await admin.deleteTopics({ topics: [topic] })
    await eventually(async () => !(await admin.listTopics()).includes(topic))
  },

  'admin: a topic that Kafka would refuse is refused': async (world) => {
    const admin = await world.admin({ retry: { retries: 0 } })
    await rejects(admin.createTopics({ topics: [{ topic: 'no spaces' }] }))
    await rejects(admin.createTopics({ topics: [{ topic: world.name('t'), numPartitions: -7 }] }))
    await rejects(admin.deleteTopics({ topics: [world.name('unknown')] }))
  },

  'admin: partitions are added': async (world) => {
    const topic = await world.topic(1)
    const admin = await world.admin()
    await admin.createPartitions({ topicPartitions: [{ topic, count: 4 }] })
    const partitions = async () => (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]?.partitions.length
    await eventually(async () => (await partitions()) === 4)
  },

  'admin: the cluster is described': async (world) => {
    const admin = await world.admin()
    const cluster = await admin.describeCluster()
    equal(cluster.brokers.length, 1)
    equal(`${cluster.brokers[0]?.host}:${cluster.brokers[0]?.port}`, world.broker.address)
    equal(cluster.controller, cluster.brokers[0]?.nodeId)
    ok(cluster.clusterId.length > 0)
  },

  'admin: configs are described and altered': async (world) => {
    const topic = await world.topic(1)
    const admin = await world.admin()
    const resource = { type: ConfigResourceTypes.TOPIC, name: topic }
    const retention = async (): Promise<string | undefined> => {
      const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false })
      return resources[0]?.configEntries.find((entry) => entry.configName === 'retention.ms')?.configValue
    }
    equal(await retention(), '604800000')
    const configEntries = [{ name: 'retention.ms', value: '-1' }]
    await admin.alterConfigs({ resources: [{ ...resource, configEntries }], validateOnly: false })
    await eventually(async () => (await retention()) === '-1')
  },

  'admin: offsets of a topic, by end and by time': async (world) => {
    const topic = await world.topic(1)
    const producer = await world.producer()
    const messages = [1000, 2000, 3000].map((time) => ({ value: `${time}`, timestamp: `${time}` }))
    for (const message of messages) await producer.send({ topic, messages: [message] })
    const admin = await world.admin()
    deepEqual(await admin.fetchTopicOffsets(topic), [{ partition: 0, offset: '3', high: '3', low: '0' }])
    deepEqual(await admin.fetchTopicOffsetsByTimestamp(topic, 1500), [{ partition: 0, offset: '1' }])
    deepEqual(await admin.fetchTopicOffsetsByTimestamp(topic, 9999), [{ partition: 0, offset: '3' }])
  },

  'admin: records are deleted up to an offset': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['a', 'b', 'c'])
    const admin = await world.admin()
    await admin.fetchTopicMetadata({ topics: [topic] }) // kafkajs looks for the leader in what it knows already
    await admin.fetchTopicOffsets(topic)
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] })
    deepEqual(await admin.fetchTopicOffsets(topic), [{ partition: 0, offset: '3', high: '3', low: '2' }])
    deepEqual(
      (await world.take(topic, 1)).map((record) => record.value),
      ['c'],
    )
  },

  'admin: groups are listed, described, moved and deleted': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, ['a', 'b'])
    await world.take(topic, 2, groupId)
    const admin = await world.admin()
    ok((await admin.listGroups()).groups.some((group) => group.groupId === groupId))
    equal((await admin.describeGroups([groupId])).groups[0]?.state, 'Empty')
    const offsets = async (): Promise<string | undefined> =>
      (await admin.fetchOffsets({ groupId, topics: [topic] }))[0]?.partitions[0]?.offset
    equal(await offsets(), '2')
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '1' }] })
    equal(await offsets(), '1')
    await admin.deleteGroups([groupId])
    ok(!(await admin.listGroups()).groups.some((group) => group.groupId === groupId))
  },

  'admin: a group is reset to the earliest offset': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    await world.send(topic, ['a', 'b'])
    await world.take(topic, 2, groupId)
    const admin = await world.admin()
    await withinSeconds(45, admin.resetOffsets({ groupId, topic, earliest: true }))
    const [reset] = await admin.fetchOffsets({ groupId, topics: [topic], resolveOffsets: true })
    equal(reset?.partitions[0]?.offset, '0')
  },
}

/** kafkajs waits for ever when the consumer inside `resetOffsets` crashes. */
async function withinSeconds<T>(seconds: number, work: Promise<T>): Promise<T> {
  const timeout = new AbortController()
  const late = sleep(seconds * 1000, undefined, { signal: timeout.signal }).then(() => {
    throw new Error(`nothing within ${seconds} s`)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    timeout.abort()
    late.catch(() => {})
  }
}
