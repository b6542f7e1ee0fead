import {
  type Consumer,
  type ConsumerConfig,
  Kafka,
  type KafkaJSProtocolError,
  PartitionAssigners,
} from '@millrace/kafkajs'
import kafkajs from 'kafkajs'
import { expect, test } from 'vitest'
import { OwnCluster } from './own-cluster.ts'

/** Waits for what is true sooner or later, on a busy machine as well. */
const eventually = <T>(read: () => T) => expect.poll(read, { timeout: 20_000 })

const quick = { heartbeatInterval: 50, maxWaitTimeInMs: 100 }

/** A consumer, and the partitions it was given round by round. */
class Member {
  readonly rounds: { readonly protocol: string; readonly partitions: readonly number[] }[] = []
  readonly consumer: Consumer

  constructor(consumer: Consumer, topic: string) {
    this.consumer = consumer
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      const partitions = [...(payload.memberAssignment[topic] ?? [])].map(Number).sort()
      this.rounds.push({ protocol: payload.groupProtocol, partitions })
    })
  }

  get partitions(): readonly number[] {
    return this.rounds.at(-1)?.partitions ?? []
  }
}

async function started(cluster: OwnCluster, config: ConsumerConfig, topic: string, seen: (value: string) => unknown) {
  const member = new Member(cluster.kafka().consumer({ ...quick, ...config }), topic)
  await member.consumer.subscribe({ topics: [topic], fromBeginning: true })
  await member.consumer.run({
    eachMessage: async ({ message }) => {
      await seen(`${message.value}`)
    },
  })
  return member
}

test('a member that comes takes partitions from one that goes on with the rest', async () => {
  await using cluster = await OwnCluster.start()
  const topic = await cluster.topic('t', 4)
  const stays: string[] = []
  const first = await started(cluster, { groupId: 'g' }, topic, (value) => stays.push(value))
  expect(first.rounds[0]?.protocol).toBe('cooperative-sticky')
  const second = await started(cluster, { groupId: 'g' }, topic, () => {})
  await eventually(() => [first.partitions.length, second.partitions.length]).toEqual([2, 2])
  // Cooperative: what it keeps was its own all the while.
  const kept = first.partitions
  for (const { partitions } of first.rounds) expect(partitions).toEqual(expect.arrayContaining([...kept]))
  await second.consumer.disconnect()
  await eventually(() => first.partitions).toEqual([0, 1, 2, 3])
  await first.consumer.disconnect()
})

test('a program moves from kafkajs member by member, and its group is cooperative in the end', async () => {
  await using cluster = await OwnCluster.start()
  const topic = await cluster.topic('t', 4)
  const values = new Set<string>()
  const theirs = new kafkajs.Kafka({ brokers: [cluster.address], logLevel: kafkajs.logLevel.NOTHING })
  const old = theirs.consumer({ groupId: 'g', ...quick, rebalanceTimeout: 5_000 })
  const oldRounds: number[][] = []
  old.on(old.events.GROUP_JOIN, ({ payload }) => oldRounds.push([...(payload.memberAssignment[topic] ?? [])]))
  await old.connect()
  await old.subscribe({ topics: [topic], fromBeginning: true })
  await old.run({ eachMessage: async ({ message }) => void values.add(`${message.value}`) })

  const first = await started(cluster, { groupId: 'g' }, topic, (value) => values.add(value))
  expect(first.rounds[0]?.protocol).toBe('RoundRobinAssigner')
  await eventually(() => [oldRounds.at(-1)?.length, first.partitions.length]).toEqual([2, 2])
  const producer = cluster.kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [0, 1, 2, 3].map((partition) => ({ partition, value: `${partition}` })) })
  await eventually(() => [...values].sort()).toEqual(['0', '1', '2', '3'])

  await old.disconnect()
  await eventually(() => first.rounds.at(-1)).toEqual({ protocol: 'cooperative-sticky', partitions: [0, 1, 2, 3] })
  await first.consumer.disconnect()
  await producer.disconnect()
})

test('a handler that takes longer than the session keeps its partition, and others read on', async () => {
  await using cluster = await OwnCluster.start({ 'group.min.session.timeout.ms': 100 })
  const topic = await cluster.topic('t', 1)
  const producer = cluster.kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'slow' }, { value: 'next' }] })
  const seen: string[] = []
  let release = (): void => {}
  const slow = new Promise<void>((resolve) => {
    release = resolve
  })
  const config = { groupId: 'g', sessionTimeout: 1_500 }
  const member = await started(cluster, config, topic, async (value) => {
    seen.push(value)
    if (value === 'slow') await slow
  })
  let beats = 0
  member.consumer.on(member.consumer.events.HEARTBEAT, () => beats++)
  await eventually(() => beats).toBeGreaterThan(35)
  release()
  await eventually(() => seen).toEqual(['slow', 'next'])
  expect(member.rounds).toHaveLength(1)
  await member.consumer.disconnect()
  await producer.disconnect()
})

test('heartbeat tells a batch that its partition is to be given up', async () => {
  await using cluster = await OwnCluster.start()
  const topic = await cluster.topic('t', 1)
  const kafka = cluster.kafka()
  const producer = kafka.producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'v' }] })
  const consumer = kafka.consumer({ groupId: 'g', ...quick, partitionAssigners: [PartitionAssigners.roundRobin] })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  let error: KafkaJSProtocolError | undefined
  let started = false
  await consumer.run({
    eachBatch: async ({ heartbeat, isStale }) => {
      started = true
      while (error === undefined) {
        try {
          await heartbeat()
          await new Promise((resolve) => setImmediate(resolve))
        } catch (caught) {
          expect(isStale()).toBe(true)
          error = caught as KafkaJSProtocolError
          throw caught
        }
      }
    },
  })
  await eventually(() => started).toBe(true)
  const other = kafka.consumer({ groupId: 'g', ...quick, partitionAssigners: [PartitionAssigners.roundRobin] })
  await other.subscribe({ topics: [topic], fromBeginning: true })
  await other.run({ eachMessage: async () => {} })
  await eventually(() => error?.type).toBe('REBALANCE_IN_PROGRESS')
  expect(error).toMatchObject({ name: 'KafkaJSProtocolError', code: 27, retriable: false })
  await Promise.all([consumer.disconnect(), other.disconnect(), producer.disconnect()])
})

test('positions are sent as the member that reads them: one that lost them is refused', async () => {
  await using cluster = await OwnCluster.start()
  const topic = await cluster.topic('t', 1)
  const kafka = cluster.kafka()
  const consumer = kafka.consumer({ groupId: 'g', ...quick })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ autoCommit: false, eachMessage: async () => {} })
  const producer = kafka.producer({ transactionalId: 'tx' })
  await producer.connect()
  const mine = { consumerGroupId: 'g', topics: [{ topic, partitions: [{ partition: 0, offset: '0' }] }] }
  const transaction = await producer.transaction()
  await transaction.sendOffsets(mine)
  await transaction.commit()
  const next = await producer.transaction()
  const notMine = { ...mine, topics: [{ topic, partitions: [{ partition: 7, offset: '0' }] }] }
  await expect(next.sendOffsets(notMine)).rejects.toMatchObject({ type: 'ILLEGAL_GENERATION' })
  await next.abort()
  await consumer.disconnect()
  await producer.disconnect()
})

test('a config that asks for what cannot be had is refused before anything connects', () => {
  const brokers = ['localhost:9092']
  expect(() => new Kafka({ brokers, socketFactory: () => ({}) })).toThrow(/socketFactory/)
  expect(() => new Kafka({ brokers, ssl: JSON.parse('{"minVersion":"TLSv1.3"}') })).toThrow(/config.ssl.minVersion/)
  const aws = { mechanism: 'aws', authorizationIdentity: 'a', accessKeyId: 'b', secretAccessKey: 'secret' } as const
  expect(() => new Kafka({ brokers, sasl: aws })).toThrow(/config.sasl: "aws"/)
  expect(() => new Kafka({ brokers, sasl: aws })).not.toThrow(/secret/)
})

test('brokers may be asked for, and what is wrong with them is told', async () => {
  await using cluster = await OwnCluster.start()
  const admin = cluster.kafka({ brokers: async () => [cluster.address] }).admin()
  await admin.connect()
  expect(await admin.listTopics()).toEqual([])
  await admin.disconnect()
  const retry = { retries: 0 }
  const none = new Kafka({ brokers: () => [], retry, logLevel: 0 }).admin()
  await expect(none.connect()).rejects.toMatchObject({ name: 'KafkaJSNonRetriableError' })
  const broken = () => {
    throw new Error('no directory')
  }
  const failing = new Kafka({ brokers: broken, retry, logLevel: 0 }).admin()
  await expect(failing.connect()).rejects.toMatchObject({
    name: 'KafkaJSNumberOfRetriesExceeded',
    cause: { name: 'KafkaJSConnectionError', message: 'Failed to connect: "config.brokers" threw: no directory' },
  })
  const nobody = new Kafka({ brokers: ['127.0.0.1:1'], retry, logLevel: 0 }).producer()
  await expect(nobody.connect()).rejects.toMatchObject({
    name: 'KafkaJSNumberOfRetriesExceeded',
    cause: { name: 'KafkaJSConnectionError', code: 'ECONNREFUSED' },
  })
})

test('seek goes to both ends, also over what was fetched already', async () => {
  await using cluster = await OwnCluster.start()
  const topic = await cluster.topic('t', 1)
  const kafka = cluster.kafka()
  const producer = kafka.producer()
  await producer.connect()
  const send = (value: string) => producer.send({ topic, messages: [{ value }] })
  for (const value of ['a', 'b', 'c']) await send(value)
  const seen: string[] = []
  const consumer = kafka.consumer({ groupId: 'g', ...quick })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      seen.push(`${message.value}`)
      if (seen.length === 1) consumer.seek({ topic, partition: 0, offset: '-1' })
    },
  })
  await eventually(() => seen).toEqual(['a'])
  while (!seen.includes('d')) {
    await send('d') // until the end has been asked for, and one comes behind it
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  expect(seen.filter((value) => value !== 'd')).toEqual(['a'])
  consumer.seek({ topic, partition: 0, offset: '-2' })
  await eventually(() => seen.slice(-20).join('')).toMatch(/abcd/)
  await consumer.disconnect()
  await producer.disconnect()
})
