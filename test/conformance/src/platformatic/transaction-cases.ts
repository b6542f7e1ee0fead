import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { FetchIsolationLevels } from '@platformatic/kafka'
import { eventually } from '../eventually.ts'
import type { Case, World } from './world.ts'

const transactional = (world: World, transactionalId: string) => world.producer({ transactionalId, idempotent: true })
const committedOnly = { isolationLevel: FetchIsolationLevels.READ_COMMITTED }

export const transactionCases: Readonly<Record<string, Case>> = {
  'transaction: what is committed is read, what is open is not': async (world) => {
    const topic = await world.topic(1)
    const producer = transactional(world, world.name('tx'))
    const first = await producer.beginTransaction()
    await first.send({ messages: [{ topic, value: 'kept' }] })
    const reading = await world.read([topic], world.consumer(), committedOnly)
    const seen = await world.values(topic, 1, { isolationLevel: FetchIsolationLevels.READ_UNCOMMITTED })
    deepEqual(seen, ['kept'])
    const consumer = world.consumer()
    const stable = () => consumer.listOffsets({ topics: [topic], ...committedOnly })
    deepEqual((await stable()).get(topic), [0n])
    deepEqual(reading.records.all, [])
    await first.commit()
    ok(first.completed)
    deepEqual(
      (await reading.records.until(1)).map(({ value }) => value),
      ['kept'],
    )
    deepEqual((await stable()).get(topic), [2n])
  },

  'transaction: over many partitions, one after the other': async (world) => {
    const topic = await world.topic(3)
    const producer = transactional(world, world.name('tx'))
    for (const round of [0, 1, 2]) {
      const transaction = await producer.beginTransaction()
      await transaction.send({
        messages: [0, 1, 2].map((partition) => ({ topic, partition, value: `${round} ${partition}` })),
      })
      await transaction.commit()
    }
    const values = await world.values(topic, 9, committedOnly)
    deepEqual(values.toSorted(), ['0 0', '0 1', '0 2', '1 0', '1 1', '1 2', '2 0', '2 1', '2 2'])
  },

  'transaction: what is aborted is told to whoever reads': async (world) => {
    const topic = await world.topic(1)
    const producer = transactional(world, world.name('tx'))
    const lost = await producer.beginTransaction()
    await lost.send({ messages: [{ topic, value: 'lost' }] })
    await lost.abort()
    const kept = await producer.beginTransaction()
    await kept.send({ messages: [{ topic, value: 'kept' }] })
    await kept.commit()
    const consumer = world.consumer()
    // Apache Kafka answers an end before its marker is in the log.
    const stable = async () => (await consumer.listOffsets({ topics: [topic], ...committedOnly })).get(topic)?.[0]
    await eventually(async () => (await stable()) === 4n)
    const metadata = await consumer.metadata({ topics: [topic] })
    const partitions = [
      { partition: 0, currentLeaderEpoch: -1, fetchOffset: 0n, lastFetchedEpoch: -1, partitionMaxBytes: 1e6 },
    ]
    const topics = [{ topicId: `${metadata.topics.get(topic)?.id}`, partitions }]
    const { responses } = await consumer.fetch({ node: [...metadata.brokers.keys()][0] ?? 0, topics, ...committedOnly })
    const row = responses[0]?.partitions[0]
    deepEqual(row?.abortedTransactions, [{ producerId: producer.producerId, firstOffset: 0n }])
    deepEqual([row?.highWatermark, row?.lastStableOffset], [4n, 4n])
  },

  'transaction: positions go with the messages': async (world) => {
    const [input, output] = [await world.topic(1), await world.topic(1)]
    await world.send(input, ['a', 'b', 'c'])
    const consumer = world.consumer()
    const stream = await consumer.consume({ topics: [input], mode: 'earliest', autocommit: false })
    const producer = transactional(world, world.name('tx'))
    const committed = async () =>
      (await consumer.listCommittedOffsets({ topics: [{ topic: input, partitions: [0] }] })).get(input)
    for await (const message of stream) {
      const transaction = await producer.beginTransaction()
      await transaction.addConsumer(consumer)
      await transaction.send({ messages: [{ topic: output, value: `${message.value}!` }] })
      await transaction.addOffset(message)
      await transaction.commit()
      if (message.offset === 2n) break
    }
    await consumer.joinGroup()
    await eventually(async () => (await committed())?.[0] === 3n)
    deepEqual(await world.values(output, 3, committedOnly), ['a!', 'b!', 'c!'])
  },

  'transaction: who takes an id over fences who had it': async (world) => {
    const topic = await world.topic(1)
    const id = world.name('tx')
    const old = transactional(world, id)
    const left = await old.beginTransaction()
    await left.send({ messages: [{ topic, value: 'old' }] })
    const young = transactional(world, id)
    // Left to itself it asks as producer 0 of epoch 0, which Kafka takes for one that was fenced.
    const taken = await young.beginTransaction({ producerId: -1n, producerEpoch: -1 })
    equal(young.producerId, old.producerId)
    ok((young.producerEpoch ?? 0) > (old.producerEpoch ?? 0))
    await rejects(left.commit())
    await taken.send({ messages: [{ topic, value: 'young' }] })
    await taken.commit()
  },
}
