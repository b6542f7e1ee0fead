import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Admin,
  ConfigResourceTypes,
  FindCoordinatorKeyTypes,
  IncrementalAlterConfigOperationTypes,
} from '@platformatic/kafka'
import { eventually } from '../eventually.ts'
import { type Case, is } from './world.ts'

async function retention(admin: Admin, topic: string): Promise<string | null | undefined> {
  const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: null }]
  const [described] = await admin.describeConfigs({ resources, includeSynonyms: true, includeDocumentation: true })
  return described?.configs.find(({ name }) => name === 'retention.ms')?.value
}

/** Of partition 0 of the topic, by time or by Kafka's names for places. */
async function offsetAt(admin: Admin, topic: string, timestamp: bigint): Promise<number> {
  const partitions = [{ partitionIndex: 0, timestamp }]
  const [listed] = await admin.listOffsets({ topics: [{ name: topic, partitions }] })
  return Number(listed?.partitions[0]?.offset)
}

/** It hears soon that it is no member any more. */
const quick = { heartbeatInterval: 200 }

export const adminCases: Readonly<Record<string, Case>> = {
  'admin: topics are made with an id, listed and deleted': async (world) => {
    const admin = world.admin()
    const topic = world.name('topic')
    const configs = [{ name: 'retention.ms', value: '1000' }]
    const [made] = await admin.createTopics({ topics: [topic], partitions: 3, replicas: 1, configs })
    deepEqual([made?.name, made?.partitions, made?.replicas], [topic, 3, 1])
    equal(made?.configuration['retention.ms'], '1000')
    await world.served(topic)
    ok((await admin.listTopics()).includes(topic))
    const metadata = await admin.metadata({ topics: [topic] })
    equal(metadata.topics.get(topic)?.id, made?.id)
    equal(metadata.topics.get(topic)?.partitionsCount, 3)
    await admin.deleteTopics({ topics: [topic] })
    await eventually(async () => !(await admin.listTopics()).includes(topic))
  },

  'admin: what Kafka would refuse is refused by name': async (world) => {
    const admin = world.admin(0)
    const topic = await world.topic(1)
    await rejects(admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 }), is('TOPIC_ALREADY_EXISTS'))
    await rejects(
      admin.createTopics({ topics: [world.name('t')], partitions: 1, replicas: 3 }),
      is('INVALID_REPLICATION_FACTOR'),
    )
    await rejects(admin.deleteTopics({ topics: [world.name('unknown')] }), is('UNKNOWN_TOPIC_OR_PARTITION'))
  },

  'admin: partitions are added': async (world) => {
    const admin = world.admin()
    const topic = await world.topic(1)
    await admin.createPartitions({ topics: [{ name: topic, count: 4 }] })
    const metadata = () => admin.metadata({ topics: [topic], forceUpdate: true })
    await eventually(async () => (await metadata()).topics.get(topic)?.partitionsCount === 4)
  },

  'admin: configs are described, set and altered one by one': async (world) => {
    const admin = world.admin()
    const topic = await world.topic(1)
    const resource = { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic }
    const untilIs = (value: string) => eventually(async () => (await retention(admin, topic)) === value)
    equal(await retention(admin, topic), '604800000')
    await admin.alterConfigs({ resources: [{ ...resource, configs: [{ name: 'retention.ms', value: '-1' }] }] })
    await untilIs('-1')
    const { SET, DELETE } = IncrementalAlterConfigOperationTypes
    const alter = (configOperation: 0 | 1, value: string): Promise<void> =>
      admin.incrementalAlterConfigs({
        resources: [{ ...resource, configs: [{ name: 'retention.ms', configOperation, value }] }],
      })
    await alter(SET, '5000')
    await untilIs('5000')
    await alter(DELETE, '')
    await untilIs('604800000')
  },

  'admin: coordinators are found': async (world) => {
    const admin = world.admin()
    for (const keyType of [FindCoordinatorKeyTypes.GROUP, FindCoordinatorKeyTypes.TRANSACTION]) {
      const [first, second] = await admin.findCoordinator({ keyType, keys: ['one', 'two'] })
      deepEqual([first?.key, second?.key], ['one', 'two'])
      equal(`${first?.host}:${first?.port}`, world.broker.address)
    }
  },

  'admin: groups are listed, described and deleted': async (world) => {
    const admin = world.admin(0)
    const topic = await world.topic(1)
    const groupId = world.name('group')
    const { consumer } = await world.read([topic], world.consumer(groupId))
    equal((await admin.listGroups()).get(groupId)?.protocolType, 'consumer')
    equal((await admin.listGroups({ states: ['STABLE'], types: ['classic'] })).get(groupId)?.id, groupId)
    const group = (await admin.describeGroups({ groups: [groupId] })).get(groupId)
    deepEqual([group?.state, group?.protocol, group?.members.size], ['STABLE', 'roundrobin', 1])
    const [member] = group?.members.values() ?? []
    deepEqual(member?.metadata?.topics, [topic])
    deepEqual(member?.assignments?.get(topic)?.partitions, [0])
    await rejects(admin.deleteGroups({ groups: [groupId] }), is('NON_EMPTY_GROUP'))
    await consumer.close(true)
    await admin.deleteGroups({ groups: [groupId] })
    ok(!(await admin.listGroups()).has(groupId))
  },

  'admin: offsets of a group are listed, altered and deleted': async (world) => {
    const admin = world.admin()
    const topic = await world.topic(2)
    const groupId = world.name('group')
    const offsets = async (): Promise<(number | undefined)[]> => {
      const topics = [{ name: topic, partitionIndexes: [0, 1] }]
      const [group] = await admin.listConsumerGroupOffsets({ groups: [{ groupId, topics }] })
      const partitions = group?.topics[0]?.partitions ?? []
      return [0, 1].map((index) => Number(partitions.find((one) => one.partitionIndex === index)?.committedOffset))
    }
    const partitionOffsets = [0, 1].map((partition) => ({ partition, offset: BigInt(7 + partition) }))
    await admin.alterConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionOffsets }] })
    deepEqual(await offsets(), [7, 8])
    await admin.deleteConsumerGroupOffsets({ groupId, topics: [{ name: topic, partitionIndexes: [1] }] })
    deepEqual(await offsets(), [7, -1])
  },

  'admin: members are put out of a group': async (world) => {
    const admin = world.admin()
    const topic = await world.topic(1)
    const groupId = world.name('group')
    const { consumer } = await world.read([topic], world.consumer(groupId, quick))
    const before = consumer.memberId
    const rejoined = new Promise((resolve) => consumer.once('consumer:group:join', resolve))
    await admin.removeMembersFromConsumerGroup({ groupId, members: [{ memberId: `${before}`, reason: 'maintenance' }] })
    const description = (await admin.describeGroups({ groups: [groupId] })).get(groupId)
    ok(!description?.members.has(`${before}`))
    await rejoined
  },

  'admin: log directories are described': async (world) => {
    const admin = world.admin()
    const topic = await world.topic(2)
    await world.send(topic, ['a', 'b'], 2)
    const [broker] = await admin.describeLogDirs({ topics: [{ name: topic, partitions: [0, 1] }] })
    const [directory] = broker?.results ?? []
    const [row] = directory?.topics ?? []
    equal(row?.name, topic)
    deepEqual(row?.partitions.map(({ partitionIndex, partitionSize }) => [partitionIndex, partitionSize > 0n]).sort(), [
      [0, true],
      [1, true],
    ])
  },

  'admin: a log directory tells the size of its volume': async (world) => {
    const [broker] = await world.admin().describeLogDirs({ topics: [] })
    const [directory] = broker?.results ?? []
    ok((directory?.totalBytes ?? 0n) > 0n)
    ok((directory?.usableBytes ?? 0n) > 0n)
  },

  'admin: offsets of a topic, by end and by time': async (world) => {
    const admin = world.admin()
    const topic = await world.topic(1)
    const producer = world.producer()
    for (const time of [1000, 2000, 3000]) {
      await producer.send({ messages: [{ topic, value: `${time}`, timestamp: BigInt(time) }] })
    }
    equal(await offsetAt(admin, topic, -1n), 3)
    equal(await offsetAt(admin, topic, -2n), 0)
    equal(await offsetAt(admin, topic, -3n), 2) // of the largest timestamp
    equal(await offsetAt(admin, topic, 1500n), 1)
    equal(await offsetAt(admin, topic, 9999n), -1)
  },

  'admin: records are deleted up to an offset': async (world) => {
    const admin = world.admin()
    const topic = await world.topic(1)
    await world.send(topic, ['a', 'b', 'c'])
    const partitions = [{ partition: 0, offset: 2n }]
    const [deleted] = await admin.deleteRecords({ topics: [{ name: topic, partitions }] })
    deepEqual(deleted?.partitions, [{ partition: 0, lowWatermark: 2n }])
    equal(await offsetAt(admin, topic, -2n), 2)
    deepEqual(await world.values(topic, 1), ['c'])
  },

  'admin: client quotas are set and described': async (world) => {
    const admin = world.admin(0)
    const user = world.name('user')
    const ops = [{ key: 'producer_byte_rate' as const, value: 1000, remove: false }]
    const entities = [{ entityType: 'user' as const, entityName: user }]
    await admin.alterClientQuotas({ entries: [{ entities, ops }] })
    const components = [{ entityType: 'user' as const, matchType: 0 as const, match: user }]
    for (;;) {
      const [entry] = await admin.describeClientQuotas({ components })
      if (entry !== undefined) return deepEqual(entry.values, [{ key: 'producer_byte_rate', value: 1000 }])
      await sleep(20)
    }
  },
}
