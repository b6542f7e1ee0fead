import { offset, TopicPartitionMap } from '@millrace/kernel'
import { clientContract } from './clients/client-contract.ts'
import type { ClientUnderTest, GotRecord } from './clients/client-under-test.ts'
import type { Session } from './exchange/session.ts'

const values = (records: readonly GotRecord[]) => records.map(({ value }) => value).join(' ')

async function filled(session: Session, client: ClientUnderTest, count: number, partitions = 1): Promise<string> {
  const topic = await session.topic('orders', { partitions })
  const producer = await client.producer()
  for (let i = 0; i < count; i++) {
    await producer.send(topic, [{ partition: i % partitions, value: `${i}`, timestampMs: session.time(i * 10) }])
  }
  return topic
}

clientContract('client-consume', {
  both: {
    'from the start, and from the middle': async (session, client) => {
      const topic = await filled(session, client, 6)
      session.note('all', await client.read(topic, 6))
      session.note('from 4', await client.read(topic, 2, { from: 4 }))
      session.note('committed, all', values(await client.read(topic, 6, { committed: true })))
    },

    'records larger than a fetch': async (session, client) => {
      const topic = await session.topic('large', { configs: { 'max.message.bytes': '3000000' } })
      const producer = await client.producer()
      for (const length of [900_000, 10, 900_000, 900_000]) {
        await producer.send(topic, [{ value: 'x'.repeat(length) }])
      }
      const got = await client.read(topic, 4)
      session.note('lengths', got.map(({ value }) => value?.length).join(' '))
    },

    'a position that is gone': async (session, client) => {
      const topic = await filled(session, client, 5)
      await (await client.admin()).deleteRecords(topic, { 0: 3 })
      session.note('from 1, deleted', values(await client.read(topic, 2, { from: 1 })))
      session.note('from 900, past the end', values(await client.read(topic, 2, { from: 900 })))
    },

    'what comes while it waits': async (session, client) => {
      const topic = await filled(session, client, 1)
      const member = await client.member(session.name('group'), [topic])
      session.note('first', values(await member.until(1)))
      const producer = await client.producer()
      for (const value of ['next', 'and next']) await producer.send(topic, [{ value }])
      session.note('then', values(await member.until(3)))
    },

    'only what is new': async (session, client) => {
      const topic = await filled(session, client, 3)
      const member = await client.member(session.name('group'), [topic], { from: 'latest' })
      await member.holds(1)
      const producer = await client.producer()
      // Where the end is, is asked after the partition is held: what is sent meanwhile is before it.
      let sent = 0
      const first = member.until(1)
      const seen = first.then(() => true)
      while (!(await Promise.race([seen, producer.send(topic, [{ value: `new ${sent++}` }]).then(() => false)])));
      session.note(
        'nothing old',
        (await first).every(({ value }) => value?.startsWith('new') === true),
      )
    },

    'seek, pause and resume': async (session, client) => {
      const topic = await filled(session, client, 8, 2)
      const member = await client.member(session.name('group'), [topic])
      await member.until(8)
      member.pause(topic, 1)
      member.seek(topic, 0, 2)
      member.seek(topic, 1, 3)
      session.note('of the one that runs', values((await member.until(10)).slice(8)))
      member.resume(topic, 1)
      session.note('of the other', values((await member.until(11)).slice(10)))
    },

    'topics by a pattern': async (session, client) => {
      const wanted = session.name('wanted-a')
      for (const name of [wanted, session.name('wanted-b'), session.name('other')]) {
        await (await client.admin()).createTopic(name, 1)
        await session.ready(name)
        await (await client.producer()).send(name, [{ value: name }])
      }
      const unique = wanted.slice('wanted-a'.length)
      const member = await client.member(session.name('group'), new RegExp(`^wanted-.${unique}$`))
      session.note('read', (await member.until(2)).map(({ value }) => value).toSorted())
    },
  },

  ours: {
    'offsets of a consumer without a group': async (session, client) => {
      const topic = await filled(session, client, 6, 2)
      const consumer = client.client.consumer({ autoOffsetReset: 'none' })
      const partitions = [0, 1].map((partition) => ({ topic, partition }))
      consumer.assign(partitions)
      session.note('starts', [...(await consumer.beginningOffsets(partitions)).values()])
      session.note('ends', [...(await consumer.endOffsets(partitions)).values()])
      const times = new TopicPartitionMap<number>().set(topic, 0, session.nowMs + 15).set(topic, 1, session.nowMs + 9e6)
      session.note('by time', [...(await consumer.offsetsForTimes(times)).values()])
      session.note('without a position', await client.refusal(consumer.poll({ timeoutMs: 20_000 })))
      for (const at of partitions) consumer.seek(at, offset(99))
      session.note('out of range', await client.refusal(consumer.poll({ timeoutMs: 20_000 })))
    },

    'the lag of a position': async (session, client) => {
      const topic = await filled(session, client, 6)
      const at = { topic, partition: 0 }
      const consumer = client.client.consumer({ autoOffsetReset: 'earliest' })
      consumer.assign([at])
      while (consumer.position(at) !== 6) await consumer.poll({ timeoutMs: 1000 })
      session.note('at the end', consumer.currentLag(at))
      consumer.seek(at, offset(2))
      session.note('four before it', consumer.currentLag(at))
    },
  },
})
