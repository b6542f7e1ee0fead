import type { OffsetAndMetadata } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import { clientContract } from './clients/client-contract.ts'
import type { ClientUnderTest, GotRecord } from './clients/client-under-test.ts'

const values = (records: readonly GotRecord[]) => records.map(({ offset, value }) => `${offset} ${value}`)

/** A record outside of transactions, that a reader of committed records sees after all before it has ended. */
async function close(client: ClientUnderTest, topic: string): Promise<void> {
  await (await client.producer({ idempotent: false })).send(topic, [{ partition: 0, value: 'end' }])
}

clientContract('client-transactions', {
  both: {
    'all of it is seen, or nothing': async (session, client) => {
      const topic = await session.topic('orders')
      const producer = await client.producer({ transactionalId: session.name('tx') })
      for (const [word, done] of [
        ['kept', true],
        ['dropped', false],
        ['kept again', true],
      ] as const) {
        await producer.begin()
        for (const i of [0, 1]) await producer.send(topic, [{ partition: 0, value: `${word} ${i}` }])
        await (done ? producer.commit() : producer.abort())
      }
      await close(client, topic)
      session.note('committed', values(await client.read(topic, 5, { committed: true })))
      session.note('uncommitted', values(await client.read(topic, 7)))
    },

    'over several partitions and topics': async (session, client) => {
      const [one, two] = [await session.topic('one', { partitions: 2 }), await session.topic('two')]
      const producer = await client.producer({ transactionalId: session.name('tx') })
      for (const done of [false, true]) {
        await producer.begin()
        for (const partition of [0, 1]) await producer.send(one, [{ partition, value: `${done}` }])
        await producer.send(two, [{ value: `${done}` }])
        await (done ? producer.commit() : producer.abort())
      }
      session.note('one', values(await client.read(one, 2, { committed: true })))
      session.note('two', values(await client.read(two, 1, { committed: true })))
    },

    'what is open holds back what comes after it': async (session, client) => {
      const topic = await session.topic('orders')
      const slow = await client.producer({ transactionalId: session.name('slow') })
      const quick = await client.producer({ transactionalId: session.name('quick') })
      await slow.begin()
      await slow.send(topic, [{ partition: 0, value: 'slow' }])
      await quick.begin()
      await quick.send(topic, [{ partition: 0, value: 'quick' }])
      await quick.commit()
      session.note('uncommitted', values(await client.read(topic, 2)))
      const reader = await client.member(session.name('group'), [topic], { committed: true })
      await reader.holds(1)
      await slow.abort()
      session.note('committed, when both have ended', values(await reader.until(1)))
    },

    'who takes an id over ends what was left open': async (session, client) => {
      const topic = await session.topic('orders')
      const transactionalId = session.name('tx')
      const old = await client.producer({ transactionalId })
      await old.begin()
      await old.send(topic, [{ partition: 0, value: 'old' }])
      const young = await client.producer({ transactionalId })
      await young.begin()
      await young.send(topic, [{ partition: 0, value: 'young' }])
      await young.commit()
      session.note('the old one is refused', (await client.refusal(old.commit())) !== '')
      session.note('committed', values(await client.read(topic, 1, { committed: true })))
    },

    'positions go with the records': async (session, client) => {
      const [input, output] = [await session.topic('input'), await session.topic('output')]
      const groupId = session.name('group')
      await (await client.producer()).send(input, [{ value: 'a' }, { value: 'b' }])
      const member = await client.member(groupId, [input])
      await member.until(2)
      const admin = await client.admin()
      const producer = await client.producer({ transactionalId: session.name('tx') })
      const work = async (value: string, position: number, done: boolean): Promise<void> => {
        await producer.begin()
        await producer.send(output, [{ partition: 0, value }])
        await producer.sendOffsets(member, input, { 0: position })
        await (done ? producer.commit() : producer.abort())
      }
      await work('first', 1, true)
      const at = async (position: number) => (await admin.groupOffsets(groupId, input))[0] === position
      await session.eventually('the position is there', () => at(1))
      await work('given up', 2, false)
      session.note('not moved', await admin.groupOffsets(groupId, input))
      await work('second', 2, true)
      await session.eventually('the position has moved', () => at(2))
      session.note('written', values(await client.read(output, 2, { committed: true })))
    },

    'one without records, and one after the other': async (session, client) => {
      const topic = await session.topic('orders')
      const producer = await client.producer({ transactionalId: session.name('tx') })
      await producer.begin()
      await producer.commit()
      await producer.begin()
      await producer.abort()
      for (let i = 0; i < 10; i++) {
        await producer.begin()
        await producer.send(topic, [{ partition: 0, value: `${i}` }])
        await producer.commit()
      }
      session.note('written', values(await client.read(topic, 10, { committed: true })))
    },

    'one that takes too long is aborted': async (session, client) => {
      const topic = await session.topic('orders')
      const choices = { transactionalId: session.name('tx'), transactionTimeoutMs: 2_000 }
      const producer = await client.producer(choices)
      await producer.begin()
      await producer.send(topic, [{ partition: 0, value: 'late' }])
      await close(client, topic)
      session.note('committed', values(await client.read(topic, 1, { committed: true })))
      session.note('its commit is refused', (await client.refusal(producer.commit())) !== '')
    },
  },

  ours: {
    'transactions are listed and described': async (session, { client }) => {
      const topic = await session.topic('orders')
      const transactionalId = session.name('tx')
      const admin = client.admin()
      const producer = client.producer({ transactionalId, transactionTimeoutMs: 30_000 })
      await producer.initTransactions()
      const listed = async () =>
        (await admin.listTransactions()).flatMap((each) => (each.transactionalId === transactionalId ? each.state : []))
      session.note('before', await listed())
      producer.beginTransaction()
      await producer.send({ topic, partition: 0, value: 'v' })
      session.note('open', await listed())
      const [described] = await admin.describeTransactions([transactionalId])
      session.note('described', { state: described?.state, timeoutMs: described?.timeoutMs })
      const [ends, stable] = await Promise.all(
        (['read_uncommitted', 'read_committed'] as const).map((isolation) =>
          admin.listOffsets([{ topic, partition: 0 }], 'latest', { isolation }),
        ),
      )
      session.note('its end and what is stable', [ends?.get(topic, 0), stable?.get(topic, 0)])
      await producer.abortTransaction()
      await session.eventually('it is aborted', async () => (await listed())[0] === 'CompleteAbort')
    },

    'one of nobody': async (session, client) => {
      const admin = client.client.admin()
      session.note('described', await client.refusal(admin.describeTransactions([session.name('nobody')])))
    },

    'a member that has lost its place commits nothing': async (session, client) => {
      const topic = await session.topic('orders')
      const groupId = session.name('group')
      const consumer = client.client.consumer({ groupId })
      consumer.subscribe([topic])
      while (consumer.assignment().length === 0) await consumer.poll({ timeoutMs: 50 })
      const group = consumer.groupMetadata()
      if (group === undefined) throw new Error('it is no member')
      await consumer.close()
      const producer = client.client.producer({ transactionalId: session.name('tx') })
      await producer.initTransactions()
      producer.beginTransaction()
      await producer.send({ topic, partition: 0, value: 'v' })
      const positions = new TopicPartitionMap<OffsetAndMetadata>()
      positions.set(topic, 0, { offset: offset(1), leaderEpoch: -1, metadata: '' })
      session.note('refused', await client.refusal(producer.sendOffsets(positions, group)))
      await producer.abortTransaction()
    },
  },
})
