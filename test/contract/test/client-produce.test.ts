import { clientContract } from './clients/client-contract.ts'
import type { ProducerChoices } from './clients/client-under-test.ts'

const numbered = (count: number, word = 'value') => Array.from({ length: count }, (_, i) => ({ value: `${word} ${i}` }))

const ways: Readonly<Record<string, ProducerChoices>> = {
  'acks all': { acks: 'all', idempotent: false },
  'acks 1': { acks: 1, idempotent: false },
  'acks 0': { acks: 0, idempotent: false },
  gzip: { compression: 'gzip' },
}

clientContract('client-produce', {
  both: {
    'records are acknowledged as asked for, and read as sent': async (session, client) => {
      for (const [way, choices] of Object.entries(ways)) {
        const topic = await session.topic(way.replace(' ', '-'))
        const producer = await client.producer(choices)
        const records = numbered(20).map((record, i) => ({ ...record, timestampMs: session.time(i) }))
        session.note(`${way}: sent`, await producer.send(topic, records))
        session.note(`${way}: read`, await client.read(topic, 20))
      }
    },

    'keys, headers, empty and null values, times': async (session, client) => {
      const topic = await session.topic('orders')
      const producer = await client.producer()
      const records = [
        { key: 'k', value: 'v', headers: { trace: 'x1', empty: '' }, timestampMs: session.time(5) },
        { key: '', value: '', timestampMs: session.time(3) },
        { key: 'gone', value: null, timestampMs: session.time(4) },
        { value: 'ünï☃', timestampMs: session.time(1) },
      ]
      session.note('sent', await producer.send(topic, records))
      session.note('read', await client.read(topic, records.length))
    },

    'a key has its partition': async (session, client) => {
      const topic = await session.topic('orders', { partitions: 5 })
      const producer = await client.producer()
      const records = Array.from({ length: 40 }, (_, i) => ({ key: `key ${i}`, value: `${i}` }))
      session.note('sent', await producer.send(topic, records))
      const places = (await client.read(topic, 40)).map(({ key, partition }) => [key, partition])
      session.note('places', Object.fromEntries(places))
    },

    'an idempotent producer writes each record once, in order': async (session, client) => {
      const topic = await session.topic('orders', { partitions: 2 })
      const producer = await client.producer({ idempotent: true })
      const sends = Array.from({ length: 30 }, (_, i) =>
        producer.send(
          topic,
          [0, 1].map((partition) => ({ partition, value: `${i}` })),
        ),
      )
      session.note('acknowledged', (await Promise.all(sends)).length)
      const got = await client.read(topic, 60)
      for (const partition of [0, 1]) {
        const own = got.filter((record) => record.partition === partition)
        session.note(`offsets of ${partition}`, own.map(({ offset }) => offset).join(' '))
        session.note(
          `values of ${partition}`,
          own
            .map(({ value }) => value)
            .toSorted()
            .join(' '),
        )
      }
    },

    'the time of a record is that of its append where the topic says so': async (session, client) => {
      const configs = { 'message.timestamp.type': 'LogAppendTime' }
      const topic = await session.topic('orders', { configs })
      await (await client.producer()).send(topic, [{ value: 'a', timestampMs: session.time(-5_000_000) }])
      session.note('read', await client.read(topic, 1))
    },

    'a record too large is refused, and the next one is not': async (session, client) => {
      const topic = await session.topic('orders', { configs: { 'max.message.bytes': '2000' } })
      const producer = await client.producer()
      session.note('refused', await client.refusal(producer.send(topic, [{ value: 'x'.repeat(5000) }])))
      session.note('sent', await producer.send(topic, [{ value: 'fits' }]))
      session.note(
        'read',
        (await client.read(topic, 1)).map(({ offset, value }) => [offset, value]),
      )
    },

    'a compacted topic wants keys': async (session, client) => {
      const topic = await session.topic('table', { configs: { 'cleanup.policy': 'compact' } })
      const producer = await client.producer()
      session.note('refused', await client.refusal(producer.send(topic, [{ value: 'without' }])))
      session.note('sent', await producer.send(topic, [{ key: 'k', value: 'with' }]))
    },

    'a time out of bounds is refused': async (session, client) => {
      const configs = { 'message.timestamp.before.max.ms': '60000', 'message.timestamp.after.max.ms': '60000' }
      const topic = await session.topic('orders', { configs })
      const producer = await client.producer()
      const at = (deltaMs: number) => producer.send(topic, [{ value: 'v', timestampMs: session.time(deltaMs) }])
      session.note('too early', await client.refusal(at(-500_000)))
      session.note('too late', await client.refusal(at(500_000)))
      session.note('now', await at(0))
    },

    'bounds of a topic that runs': async (session, client) => {
      const topic = await session.topic('orders')
      const producer = await client.producer()
      const admin = await client.admin()
      let written = 0
      const large = async () => {
        const at = await producer.send(topic, [{ partition: 0, value: 'x'.repeat(3000) }])
        written++
        return at
      }
      const isRefused = () =>
        client.refusal(large()).then(
          () => true,
          () => false,
        )
      session.note('before', await large())
      // Apache Kafka answers a bound when its controller has it; its broker keeps it a moment later.
      await admin.setConfig(topic, 'max.message.bytes', '1000')
      await session.eventually('it is narrower', isRefused)
      session.note('narrower', await client.refusal(large()))
      await admin.setConfig(topic, 'max.message.bytes', '10000')
      await session.eventually('it is wider', async () => !(await isRefused()))
      const before = written
      session.note('wider, and what was refused took no place', (await large())[0] === before)
    },
  },

  ours: {
    'every codec': async (session, client) => {
      const topic = await session.topic('orders')
      for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
        const producer = client.client.producer({ compression })
        const sent = await Promise.all(numbered(50, compression).map((record) => producer.send({ topic, ...record })))
        session.note(compression, sent.map(({ offset }) => offset).join(' '))
      }
      session.note('read', (await client.read(topic, 200)).map(({ value }) => value).join(' '))
    },

    'a batch that the topic finds too large is split': async (session, client) => {
      const topic = await session.topic('narrow', { configs: { 'max.message.bytes': '2000' } })
      const producer = client.client.producer({ batchBytes: 60_000 })
      const sends = numbered(60).map(({ value }) => producer.send({ topic, value: value.padEnd(300) }))
      session.note('sent', (await Promise.all(sends)).map(({ offset }) => offset).join(' '))
    },

    'a topic that does not exist': async (session, client) => {
      const producer = client.client.producer({ requestTimeoutMs: 2_000 })
      session.note('refused', await client.refusal(producer.open(session.name('nothing'))))
      session.note('no name of a topic', await client.refusal(producer.open('no spaces')))
    },
  },
})
