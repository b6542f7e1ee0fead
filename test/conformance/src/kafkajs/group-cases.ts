import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import type { ConsumerCommitOffsetsEvent } from 'kafkajs'
import { Notes } from '../notes.ts'
import type { Case } from './cases.ts'
import type { World } from './world.ts'

/** A member that notes its partitions after each round. */
async function member(world: World, groupId: string, topic: string, values: Notes<string>) {
  const consumer = await world.consumer(groupId, { heartbeatInterval: 200, rebalanceTimeout: 5_000 })
  const joins = new Notes<readonly number[]>()
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    joins.add([...(payload.memberAssignment[topic] ?? [])].sort()),
  )
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => values.add(`${message.value}`) })
  return { consumer, joins }
}

/** Members, rounds and what is told of them. */
export const groupCases: Readonly<Record<string, Case>> = {
  'group: a second member takes its share, and gives it back when it goes': async (world) => {
    const topic = await world.topic(4)
    const groupId = world.name('group')
    const values = new Notes<string>()
    const first = await member(world, groupId, topic, values)
    deepEqual((await first.joins.until(1))[0], [0, 1, 2, 3])
    const second = await member(world, groupId, topic, values)
    await second.joins.untilSome((partitions) => partitions.length === 2)
    await first.joins.untilSome((partitions) => partitions.length === 2)
    const producer = await world.producer()
    await producer.send({ topic, messages: [0, 1, 2, 3].map((partition) => ({ partition, value: `${partition}` })) })
    deepEqual((await values.until(4)).toSorted(), ['0', '1', '2', '3'])
    const before = first.joins.all.length
    await second.consumer.disconnect()
    while ((await first.joins.until(before + 1)).at(-1)?.length !== 4)
      await first.joins.until(first.joins.all.length + 1)
  },

  'group: an assigner of the program divides, and its data reaches the leader': async (world) => {
    const topic = await world.topic(2)
    const groupId = world.name('group')
    const { AssignerProtocol } = world.library
    const seen = new Notes<string>()
    const consumer = await world.consumer(groupId, {
      partitionAssigners: [
        ({ cluster }) => ({
          name: 'last-partition-only',
          version: 1,
          protocol: ({ topics }) => {
            const metadata = { version: 1, topics, userData: Buffer.from('from here') }
            return { name: 'last-partition-only', metadata: AssignerProtocol.MemberMetadata.encode(metadata) }
          },
          assign: async ({ members, topics }) =>
            members.map(({ memberId, memberMetadata }) => {
              seen.add(`${AssignerProtocol.MemberMetadata.decode(memberMetadata)?.userData}`)
              const assignment = Object.fromEntries(
                topics.map((name) => [name, [cluster.findTopicPartitionMetadata(name).length - 1]]),
              )
              const given = { version: 1, assignment, userData: Buffer.alloc(0) }
              return { memberId, memberAssignment: AssignerProtocol.MemberAssignment.encode(given) }
            }),
        }),
      ],
    })
    const joins = new Notes<object>()
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joins.add(payload))
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ eachMessage: async () => {} })
    const [join] = (await joins.until(1)) as { groupProtocol: string; memberAssignment: object; isLeader: boolean }[]
    deepEqual([join?.groupProtocol, join?.isLeader], ['last-partition-only', true])
    deepEqual({ ...join?.memberAssignment }, { [topic]: [1] })
    deepEqual(seen.all, ['from here'])
  },

  'group: what happens is told, in order': async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, ['a', 'b'])
    const groupId = world.name('group')
    const consumer = world.kafka.consumer({ groupId, maxWaitTimeInMs: 100, heartbeatInterval: 100 })
    const { events } = consumer
    const told = new Notes<string>()
    const payloads = new Map<string, object>()
    for (const name of [
      events.CONNECT,
      events.GROUP_JOIN,
      events.FETCH_START,
      events.FETCH,
      events.START_BATCH_PROCESS,
      events.END_BATCH_PROCESS,
      events.COMMIT_OFFSETS,
      events.HEARTBEAT,
      events.STOP,
      events.DISCONNECT,
      events.REQUEST,
    ]) {
      consumer.on(name, ({ type, payload }: { type: string; payload: object }) => {
        told.add(type)
        payloads.set(type, payload)
      })
    }
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async () => {} })
    await told.untilSome((type) => type === events.HEARTBEAT)
    await told.untilSome((type) => type === events.COMMIT_OFFSETS)
    await consumer.disconnect()
    const order = [...new Set(told.all)].filter((type) => type !== events.REQUEST && type !== events.HEARTBEAT)
    deepEqual(order, [
      events.CONNECT,
      events.GROUP_JOIN,
      events.FETCH_START,
      events.FETCH,
      events.START_BATCH_PROCESS,
      events.END_BATCH_PROCESS,
      events.COMMIT_OFFSETS,
      events.STOP,
      events.DISCONNECT,
    ])
    const { duration, ...batch } = payloads.get(events.END_BATCH_PROCESS) as { duration: number }
    ok(duration >= 0)
    deepEqual(batch, {
      topic,
      partition: 0,
      highWatermark: '2',
      offsetLag: '0',
      offsetLagLow: '1',
      batchSize: 2,
      firstOffset: '0',
      lastOffset: '1',
    })
    const commit = payloads.get(events.COMMIT_OFFSETS) as ConsumerCommitOffsetsEvent['payload']
    equal(commit.groupId, groupId)
    const [row] = commit.topics
    // kafkajs says '0' where its types say 0.
    deepEqual(
      row?.partitions.map(({ partition, offset }) => [Number(partition), offset]),
      [[0, '2']],
    )
    const request = payloads.get(events.REQUEST) as Record<string, unknown>
    deepEqual([request['broker'], request['clientId']], [world.broker.address, 'conformance'])
  },

  'group: it is described while it runs, and not moved': async (world) => {
    const topic = await world.topic(1)
    const groupId = world.name('group')
    const { consumer } = await member(world, groupId, topic, new Notes<string>())
    const description = await consumer.describeGroup()
    deepEqual([description.state, description.members.length, description.protocolType], ['Stable', 1, 'consumer'])
    const { AssignerProtocol } = world.library
    const [only] = description.members
    const assignment = only && AssignerProtocol.MemberAssignment.decode(only.memberAssignment)
    deepEqual({ ...assignment?.assignment }, { [topic]: [0] })
    const admin = await world.admin({ retry: { retries: 0 } })
    await rejects(
      admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '0' }] }),
      /no running instances/,
    )
    await rejects(admin.deleteGroups([groupId]), (error: Error) => error.name === 'KafkaJSDeleteGroupsError')
  },

  'group: what makes no sense is refused by name': async (world) => {
    const { KafkaJSNonRetriableError } = world.library
    const refused = (error: unknown): boolean => error instanceof KafkaJSNonRetriableError
    throws(() => world.kafka.consumer({ groupId: '' }), refused)
    throws(() => world.kafka.consumer({ groupId: 'g', sessionTimeout: 100, heartbeatInterval: 100 }), refused)
    const consumer = await world.consumer(world.name('group'))
    throws(() => consumer.seek({ topic: 't', partition: 0, offset: '0' }), refused)
    throws(() => consumer.pause([{ topic: 't' }]), refused)
    await rejects(consumer.commitOffsets([{ topic: 't', partition: 0, offset: '-5' }]), refused)
    await rejects(consumer.commitOffsets([{ topic: 't', partition: 0, offset: '5' }]), refused)
    const producer = await world.producer({ idempotent: true })
    await rejects(producer.send({ topic: 't', acks: 1, messages: [{ value: 'v' }] }), refused)
    await rejects(producer.transaction(), refused)
    const admin = await world.admin()
    await rejects(admin.createTopics({ topics: [{ topic: 't' }, { topic: 't' }] }), refused)
    const error = new KafkaJSNonRetriableError('why')
    deepEqual([error.name, error.message, error.retriable], ['KafkaJSNonRetriableError', 'why', false])
    ok(error instanceof world.library.KafkaJSError)
  },

  'group: an error of the server has its name and number': async (world) => {
    const { KafkaJSProtocolError } = world.library
    const admin = await world.admin({ retry: { retries: 0 } })
    const topic = world.name('unknown')
    await rejects(admin.fetchTopicMetadata({ topics: [topic] }), (error: unknown) => {
      ok(error instanceof KafkaJSProtocolError)
      deepEqual([error.name, error.type, error.code], ['KafkaJSProtocolError', 'UNKNOWN_TOPIC_OR_PARTITION', 3])
      return true
    })
  },

  'group: a producer that has gone sends no more': async (world) => {
    const { KafkaJSError } = world.library
    const producer = await world.producer()
    const events = new Notes<string>()
    producer.on(producer.events.DISCONNECT, ({ type }) => events.add(type))
    await producer.disconnect()
    await rejects(producer.send({ topic: 't', messages: [{ value: 'v' }] }), (error: unknown) => {
      ok(error instanceof KafkaJSError)
      equal(error.message, 'The producer is disconnected')
      return true
    })
    deepEqual(events.all, ['producer.disconnect'])
  },
}
