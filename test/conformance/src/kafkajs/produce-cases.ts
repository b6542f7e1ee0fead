import { deepEqual, equal, match, rejects } from 'node:assert/strict'
import kafkajs from 'kafkajs'
import type { Case } from './cases.ts'
import type { World } from './world.ts'

const { CompressionTypes } = kafkajs
const values = Array.from({ length: 200 }, (_, i) => `value ${i} `.repeat(20))

function compressed(type: (typeof CompressionTypes)[keyof typeof CompressionTypes]): Case {
  return async (world) => {
    const topic = await world.topic(1)
    await world.send(topic, values, type)
    await world.send(topic, values, type)
    deepEqual(
      (await world.take(topic, 400)).map((record) => record.value),
      [...values, ...values],
    )
  }
}

function acknowledged(acks: number): Case {
  return async (world) => {
    const topic = await world.topic(1)
    const producer = await world.producer()
    const sent = await producer.send({ topic, acks, messages: values.map((value) => ({ value })) })
    if (acks !== 0) equal(sent[0]?.baseOffset, '0')
    deepEqual(
      (await world.take(topic, values.length)).map((record) => record.value),
      values,
    )
  }
}

export const produceCases: Readonly<Record<string, Case>> = {
  'produce: without compression': compressed(CompressionTypes.None),
  'produce: gzip': compressed(CompressionTypes.GZIP),
  'produce: snappy, plugged in': compressed(CompressionTypes.Snappy),
  'produce: lz4, plugged in': compressed(CompressionTypes.LZ4),
  'produce: zstd, plugged in': compressed(CompressionTypes.ZSTD),
  'produce: acks 0': acknowledged(0),
  'produce: acks 1': acknowledged(1),
  'produce: acks -1': acknowledged(-1),

  'produce: idempotent, many at once': async (world) => {
    const topic = await world.topic(2)
    const producer = await world.producer({ idempotent: true, maxInFlightRequests: 5 })
    const numbers = Array.from({ length: 40 }, (_, i) => i)
    for (const i of numbers) {
      await producer.send({ topic, messages: [0, 1].map((partition) => ({ partition, value: `${i}` })) })
    }
    const got = await world.take(topic, 80)
    for (const partition of [0, 1]) {
      const own = got.filter((record) => record.partition === partition)
      deepEqual(
        own.map((record) => Number(record.value)),
        numbers,
      )
      deepEqual(
        own.map((record) => record.offset),
        numbers,
      )
    }
  },

  'produce: keys, headers, empty and null values': async (world) => {
    const topic = await world.topic(1)
    const producer = await world.producer()
    const messages = [
      { key: 'k', value: 'v', headers: { trace: 'x1', empty: '' } },
      { key: '', value: '' },
      { key: 'gone', value: null },
      { value: 'ünï☃' },
    ]
    await producer.send({ topic, messages })
    deepEqual(
      (await world.take(topic, 4)).map(({ key, value, headers }) => ({ key, value, headers })),
      [
        { key: 'k', value: 'v', headers: { trace: 'x1', empty: '' } },
        { key: '', value: '', headers: {} },
        { key: 'gone', value: null, headers: {} },
        { key: null, value: 'ünï☃', headers: {} },
      ],
    )
  },

  'produce: many topics in one request': async (world) => {
    const topics = [await world.topic(1), await world.topic(2)]
    const producer = await world.producer()
    await producer.sendBatch({ topicMessages: topics.map((topic) => ({ topic, messages: [{ value: topic }] })) })
    for (const topic of topics) deepEqual((await world.take(topic, 1))[0]?.value, topic)
  },

  'produce: a batch above max.message.bytes is refused': async (world) => {
    const topic = await world.topic(1)
    const producer = await world.producer({ retry: { retries: 0 } })
    const tooLarge = { topic, messages: [{ value: 'x'.repeat(2_000_000) }] }
    await rejects(producer.send(tooLarge), (error: Error) => {
      match(error.message, /larger than|too large|MESSAGE_TOO_LARGE/i)
      return true
    })
    await producer.send({ topic, messages: [{ value: 'fits' }] })
    deepEqual((await world.take(topic, 1))[0]?.value, 'fits')
  },

  'produce: an unknown topic is made on first use': async (world) => {
    const topic = world.name('auto')
    await world.send(topic, ['first'])
    deepEqual((await world.take(topic, 1))[0]?.value, 'first')
  },

  'produce: a transaction is committed or aborted as one': async (world: World) => {
    const topic = await world.topic(1)
    const producer = await world.producer({
      transactionalId: world.name('tx'),
      maxInFlightRequests: 1,
      idempotent: true,
      retry: { retries: 2 },
    })
    const aborted = await producer.transaction()
    await aborted.send({ topic, messages: [{ value: 'aborted' }] })
    await aborted.abort()
    const committed = await producer.transaction()
    await committed.send({ topic, messages: [{ value: 'committed' }] })
    await committed.commit()
    deepEqual((await world.take(topic, 1))[0]?.value, 'committed')
  },
}
