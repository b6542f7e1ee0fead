import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict'
import zlib from 'node:zlib'
import { type CompressionAlgorithmValue, MultipleErrors, UnsupportedCompressionError } from '@platformatic/kafka'
import { type Case, is } from './world.ts'

const values = Array.from({ length: 200 }, (_, i) => `value ${i} `.repeat(20))

function compressed(compression: CompressionAlgorithmValue): Case {
  return async (world) => {
    const topic = await world.topic(1)
    const producer = world.producer({ compression })
    for (let i = 0; i < 2; i++) await producer.send({ messages: values.map((value) => ({ topic, value })) })
    deepEqual(await world.values(topic, 400), [...values, ...values])
  }
}

function acknowledged(acks: number): Case {
  return async (world) => {
    const topic = await world.topic(1)
    const { offsets, unwritableNodes } = await world
      .producer()
      .send({ acks, messages: values.map((value) => ({ topic, value })) })
    if (acks === 0) deepEqual(unwritableNodes, [])
    else deepEqual(offsets, [{ topic, partition: 0, offset: 0n }])
    deepEqual(await world.values(topic, values.length), values)
  }
}

export const produceCases: Readonly<Record<string, Case>> = {
  'produce: without compression': compressed('none'),
  'produce: gzip': compressed('gzip'),
  'produce: snappy': compressed('snappy'),
  'produce: lz4': compressed('lz4'),
  'produce: acks 0': acknowledged(0),
  'produce: acks 1': acknowledged(1),
  'produce: acks -1': acknowledged(-1),

  'produce: zstd, where Node.js has it': async (world) => {
    if ('zstdCompressSync' in zlib) return compressed('zstd')(world)
    await rejects(compressed('zstd')(world), (error: unknown) => {
      ok(error instanceof MultipleErrors)
      return error.errors.every((one) => one instanceof UnsupportedCompressionError)
    })
  },

  'produce: idempotent, in order': async (world) => {
    const topic = await world.topic(2)
    const producer = world.producer({ idempotent: true, acks: -1 })
    const numbers = Array.from({ length: 40 }, (_, i) => i)
    // It numbers a batch by the answers it has had: what is sent before the last answer would be a repetition.
    for (const i of numbers) {
      await producer.send({ messages: [0, 1].map((partition) => ({ topic, partition, value: `${i}` })) })
    }
    ok((producer.producerId ?? -1n) >= 0n)
    equal(producer.producerEpoch, 0)
    const got = await world.take(topic, 80)
    for (const partition of [0, 1]) {
      const own = got.filter((record) => record.partition === partition)
      deepEqual(
        own.map(({ value, offset }) => [Number(value), offset]),
        numbers.map((i) => [i, i]),
      )
    }
  },

  'produce: keys, headers, empty values': async (world) => {
    const topic = await world.topic(1)
    const messages = [
      { topic, key: 'k', value: 'v', headers: { trace: 'x1', empty: '' } },
      { topic, key: '', value: '' },
      { topic, value: 'ünï☃' },
    ]
    await world.producer().send({ messages })
    deepEqual(
      (await world.take(topic, 3)).map(({ key, value, headers }) => ({ key: key || '', value, headers })),
      [
        { key: 'k', value: 'v', headers: { trace: 'x1', empty: '' } },
        { key: '', value: '', headers: {} },
        { key: '', value: 'ünï☃', headers: {} },
      ],
    )
  },

  'produce: a key chooses its partition as Java does': async (world) => {
    const topic = await world.topic(8)
    const keys = Array.from({ length: 20 }, (_, i) => `key ${i % 10}`)
    await world.producer().send({ messages: keys.map((key) => ({ topic, key, value: key })) })
    const homes = new Map<unknown, Set<number>>()
    for (const { key, partition } of await world.take(topic, 20)) {
      homes.set(key, (homes.get(key) ?? new Set()).add(partition))
    }
    equal(homes.size, 10)
    ok([...homes.values()].every((partitions) => partitions.size === 1))
  },

  'produce: many topics in one send': async (world) => {
    const topics = [await world.topic(1), await world.topic(2)]
    await world.producer().send({ messages: topics.map((topic) => ({ topic, value: topic })) })
    for (const topic of topics) deepEqual(await world.values(topic, 1), [topic])
  },

  'produce: as a stream': async (world) => {
    const topic = await world.topic(1)
    const stream = world.producer().asStream({ batchSize: 50, batchTime: 10 })
    for (const value of values) stream.write({ topic, value })
    await stream.close()
    deepEqual(await world.values(topic, values.length), values)
  },

  'produce: a batch above max.message.bytes is refused': async (world) => {
    const topic = await world.topic(1)
    const producer = world.producer({ retries: 0 })
    await rejects(producer.send({ messages: [{ topic, value: 'x'.repeat(2_000_000) }] }), is('MESSAGE_TOO_LARGE'))
    await producer.send({ messages: [{ topic, value: 'fits' }] })
    deepEqual(await world.values(topic, 1), ['fits'])
  },

  'produce: an unknown topic is made on first use, when asked for': async (world) => {
    const topic = world.name('auto')
    await world.producer({ autocreateTopics: true }).send({ messages: [{ topic, value: 'first' }] })
    deepEqual(await world.values(topic, 1), ['first'])
    const producer = world.producer({ autocreateTopics: false, retries: 0 })
    await rejects(producer.send({ messages: [{ topic: world.name('never'), value: 'v' }] }), (error: Error) => {
      match(`${error} ${error.cause}`, /Unknown topic/)
      return true
    })
  },
}
