import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { eventually } from '../eventually.ts'
import { Notes } from '../notes.ts'
import type { Case } from './cases.ts'
import type { World } from './world.ts'

const transactional = (world: World, transactionalId: string) =>
  world.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })

/** Transactions: all or nothing, positions included, and one producer at a time. */
export const transactionCases: Readonly<Record<string, Case>> = {
  'transaction: positions go with the messages, or not at all': async (world) => {
    const [input, output] = [await world.topic(1), await world.topic(1)]
    const groupId = world.name('group')
    await world.send(input, ['a', 'b', 'c'])
    const producer = await transactional(world, world.name('tx'))
    const consumer = await world.consumer(groupId)
    await consumer.subscribe({ topics: [input], fromBeginning: true })
    const done = new Notes<string>()
    let gaveUp = false
    await consumer.run({
      autoCommit: false,
      eachMessage: async ({ topic, partition, message }) => {
        const transaction = await producer.transaction()
        ok(transaction.isActive())
        await transaction.send({ topic: output, messages: [{ value: `${message.value}!` }] })
        const offset = `${Number(message.offset) + 1}`
        const topics = [{ topic, partitions: [{ partition, offset }] }]
        await transaction.sendOffsets({ consumerGroupId: groupId, topics })
        if (message.offset === '1' && !gaveUp) {
          gaveUp = true
          await transaction.abort()
          throw new Error('once more')
        }
        await transaction.commit()
        equal(transaction.isActive(), false)
        done.add(offset)
      },
    })
    deepEqual(await done.until(3), ['1', '2', '3'])
    await consumer.disconnect()
    const values = (await world.take(output, 3)).map((record) => record.value)
    deepEqual(values, ['a!', 'b!', 'c!'])
    const admin = await world.admin()
    const offset = async () => (await admin.fetchOffsets({ groupId, topics: [input] }))[0]?.partitions[0]?.offset
    await eventually(async () => (await offset()) === '3')
  },

  'transaction: what is open is not seen, but by who asks for it': async (world) => {
    const topic = await world.topic(1)
    const producer = await transactional(world, world.name('tx'))
    const open = await producer.transaction()
    await open.sendBatch({ topicMessages: [{ topic, messages: [{ value: 'open' }] }] })
    const values = new Notes<string>()
    const reader = await world.consumer(world.name('group'), { readUncommitted: true })
    await reader.subscribe({ topics: [topic], fromBeginning: true })
    await reader.run({ eachMessage: async ({ message }) => values.add(`${message.value}`) })
    deepEqual(await values.until(1), ['open'])
    await open.abort()
    await rejects(open.send({ topic, messages: [{ value: 'late' }] }), (error: unknown) => {
      ok(error instanceof world.library.KafkaJSNonRetriableError)
      equal(error.message, 'Cannot continue to use transaction once ended')
      return true
    })
    const next = await producer.transaction()
    await rejects(producer.transaction(), /already an ongoing transaction/)
    await next.send({ topic, messages: [{ value: 'kept' }] })
    await next.commit()
    deepEqual(
      (await world.take(topic, 1)).map((record) => record.value),
      ['kept'],
    )
  },

  'transaction: who takes an id over fences who had it': async (world) => {
    const topic = await world.topic(1)
    const transactionalId = world.name('tx')
    const old = await transactional(world, transactionalId)
    const left = await old.transaction()
    await left.send({ topic, messages: [{ value: 'old' }] })
    const young = await transactional(world, transactionalId)
    const taken = await young.transaction()
    await taken.send({ topic, messages: [{ value: 'young' }] })
    await taken.commit()
    await rejects(left.commit())
    deepEqual(
      (await world.take(topic, 1)).map((record) => record.value),
      ['young'],
    )
  },

  'transaction: one without messages ends as well': async (world) => {
    const producer = await transactional(world, world.name('tx'))
    await (await producer.transaction()).commit()
    await (await producer.transaction()).abort()
  },
}
