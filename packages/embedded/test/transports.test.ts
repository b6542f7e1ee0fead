import type { Consumer, Producer } from '@millrace/client'
import { codeOf, type Offset, offset, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { utf8Out } from '@millrace/record/internal'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterUnderTest, type ReadRecord, recordsOf, transports } from './cluster-under-test.ts'

const at = (partition: number, topic = 'orders'): TopicPartition => ({ topic, partition })

async function readUntil(consumer: Consumer, done: (records: readonly ReadRecord[]) => boolean): Promise<ReadRecord[]> {
  const records: ReadRecord[] = []
  while (!done(records)) records.push(...recordsOf(await consumer.poll({ timeoutMs: 10_000 })))
  return records
}

const read = (consumer: Consumer, count: number) => readUntil(consumer, (records) => records.length >= count)

async function appendMany(producer: Producer, count: number, partitions: number, size = 10): Promise<void> {
  const handle = await producer.open('orders')
  for (let i = 0; i < count; i++) {
    if (producer.full) await producer.drained()
    producer.append(handle, i % partitions, i, null, utf8Out, `${i}`.padEnd(size), utf8Out, null)
  }
  await producer.flush()
}

const valuesOf = (records: readonly ReadRecord[], partition: number) =>
  records.filter((record) => record.partition === partition).map((record) => Number(record.value))

const every = (count: number, step: number, first: number) =>
  Array.from({ length: Math.ceil((count - first) / step) }, (_, i) => first + i * step)

describe.each(transports)('client over %s', (transport) => {
  let cluster: ClusterUnderTest
  beforeEach(async () => {
    cluster = await ClusterUnderTest.start(transport)
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'orders', partitions: 3 }])
  })
  afterEach(() => cluster.stop())

  describe('produce and fetch', () => {
    it.each([0, 1, 'all'] as const)('keeps the order of each partition with acks %s', async (acks) => {
      const client = cluster.client()
      await appendMany(client.producer({ acks }), 30_000, 3)
      const consumer = client.consumer({ autoOffsetReset: 'earliest' })
      consumer.assign([at(0), at(1), at(2)])
      const records = await read(consumer, 30_000)
      for (const partition of [0, 1, 2]) {
        expect(valuesOf(records, partition)).toEqual(every(30_000, 3, partition))
        const offsets = records.filter((record) => record.partition === partition).map((record) => record.offset)
        expect(offsets).toEqual(every(10_000, 1, 0))
      }
    })

    it('answers a send with the offset the record has', async () => {
      const producer = cluster.client().producer()
      const sent = await Promise.all(
        every(200, 1, 0).map((i) => producer.send({ topic: 'orders', partition: 1, value: `${i}` })),
      )
      expect(sent.map((metadata) => metadata.offset)).toEqual(every(200, 1, 0))
      expect(producer.acknowledged('orders', 1)).toBe(199)
      expect(producer.acknowledged('orders', 0)).toBeUndefined()
    })

    it.each(['gzip', 'snappy', 'lz4', 'zstd'] as const)('reads what was compressed with %s', async (compression) => {
      const client = cluster.client()
      await appendMany(client.producer({ compression }), 5_000, 1, 50)
      const consumer = client.consumer({ autoOffsetReset: 'earliest' })
      consumer.assign([at(0)])
      expect(valuesOf(await read(consumer, 5_000), 0)).toEqual(every(5_000, 1, 0))
    })

    it('carries keys, headers, nulls and big records', async () => {
      const client = cluster.client()
      const producer = client.producer()
      const big = 'x'.repeat(900_000)
      const headers = [{ key: 'h', value: 'ü' }]
      await producer.send({ topic: 'orders', partition: 0, key: 'k', value: null, headers })
      await producer.send({ topic: 'orders', partition: 0, key: null, value: big })
      const consumer = client.consumer({ autoOffsetReset: 'earliest', partitionFetchBytesMax: 1_000 })
      consumer.assign([at(0)])
      expect(await read(consumer, 2)).toMatchObject([
        { key: 'k', value: null },
        { key: null, value: big },
      ])
    })

    it('splits a batch that the topic finds too large, and refuses a record that is', async () => {
      const client = cluster.client()
      await client.admin().createTopics([{ name: 'narrow', partitions: 1, configs: { 'max.message.bytes': '2000' } }])
      const producer = client.producer({ batchBytes: 60_000 })
      const sent = every(100, 1, 0).map((i) => producer.send({ topic: 'narrow', value: `${i}`.padEnd(300) }))
      expect((await Promise.all(sent)).map((metadata) => metadata.offset)).toEqual(every(100, 1, 0))
      const refused = producer.send({ topic: 'narrow', value: 'x'.repeat(3_000) })
      await expect(refused).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
      // What failed leaves no gap that later records would trip over.
      expect((await producer.send({ topic: 'narrow', value: 'after' })).offset).toBe(100)
    })

    it('tells when it is full and when there is room again', async () => {
      const producer = cluster.client().producer({ bufferBytesMax: 100_000 })
      const handle = await producer.open('orders')
      let appended = 0
      while (!producer.full) producer.append(handle, appended++ % 3, 0, null, utf8Out, 'x'.repeat(1_000), utf8Out, null)
      expect(appended).toBeLessThan(110)
      await producer.drained()
      expect(producer.full).toBe(false)
      await producer.flush()
      const ends = [0, 1, 2].map((partition) => (producer.acknowledged('orders', partition) ?? -1) + 1)
      expect(ends.reduce((sum, end) => sum + end, 0)).toBe(appended)
    })

    it('finds a topic that is made later, and gives up on one that is not', async () => {
      const client = cluster.client()
      const opening = client.producer().open('late')
      await client.admin().createTopics([{ name: 'late', partitions: 2 }])
      expect((await opening).partitions).toBe(2)
      const never = client.producer({ requestTimeoutMs: 1_000 }).open('never')
      await expect(never).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    })

    it('goes on where the engine was stopped and started again', async () => {
      const client = cluster.client()
      const producer = client.producer()
      await appendMany(producer, 300, 3)
      if (transport !== 'tcp') return // a link ends with its engine; a port is there again
      const consumer = client.consumer({ autoOffsetReset: 'earliest' })
      consumer.assign([at(0), at(1), at(2)])
      const before = await read(consumer, 300)
      await cluster.engine.close()
      const sends = every(30, 1, 0).map((i) => producer.send({ topic: 'orders', partition: 0, value: `${1_000 + i}` }))
      await cluster.startEngine()
      expect((await Promise.all(sends)).map((metadata) => metadata.offset)).toEqual(every(130, 1, 100))
      expect(before.length).toBe(300)
      expect(valuesOf(await read(consumer, 30), 0)).toEqual(every(1_030, 1, 1_000))
    })

    it('fails what it cannot deliver in time, by name', async () => {
      const client = cluster.client()
      const producer = client.producer({ deliveryTimeoutMs: 1_500, requestTimeoutMs: 700 })
      await producer.send({ topic: 'orders', partition: 0, value: 'first' })
      await cluster.engine.close()
      await expect(producer.send({ topic: 'orders', partition: 0, value: 'lost' })).rejects.toMatchObject({
        code: expect.stringMatching(/REQUEST_TIMED_OUT|CONNECTION_/),
        message: expect.not.stringMatching(/attempts$/), // it says what stood in the way
      })
      await expect(producer.flush()).rejects.toThrow()
    })

    it('closes in the middle without a hang, and refuses what comes later', async () => {
      const client = cluster.client()
      const producer = client.producer()
      const consumer = client.consumer({ autoOffsetReset: 'earliest' })
      consumer.assign([at(0)])
      const polling = expect(consumer.poll({ timeoutMs: 60_000 })).rejects.toMatchObject({ code: 'CLOSED' })
      const handle = await producer.open('orders')
      producer.append(handle, 1, 0, null, utf8Out, 'x', utf8Out, null)
      await client.close()
      await polling
      expect(producer.acknowledged('orders', 1)).toBe(0)
      expect(() => producer.append(handle, 1, 0, null, utf8Out, 'x', utf8Out, null)).toThrow(/closed/)
    })
  })

  describe('positions', () => {
    let consumer: Consumer
    let producer: Producer
    beforeEach(async () => {
      const client = cluster.client()
      producer = client.producer({ batchBytes: 500 })
      await appendMany(producer, 300, 3)
      consumer = client.consumer({ autoOffsetReset: 'earliest', groupId: 'positions' })
      consumer.assign([at(0), at(1), at(2)])
    })

    it('seeks into the middle of a batch, to both ends, and by time', async () => {
      await read(consumer, 300)
      consumer.pause([at(1), at(2)])
      consumer.seek(at(0), offset(57))
      expect(valuesOf(await read(consumer, 43), 0)).toEqual(every(300, 3, 171))
      await consumer.seekToBeginning([at(0)])
      expect(consumer.position(at(0))).toBe(0)
      await consumer.seekToEnd([at(0)])
      expect(consumer.position(at(0))).toBe(100)
      const times = await consumer.offsetsForTimes(
        new TopicPartitionMap<number>().set('orders', 1, 151).set('orders', 2, 1_000_000),
      )
      expect([times.get('orders', 1), times.get('orders', 2)]).toEqual([50, 100])
    })

    it('seeks past a fetch that waits at the end', async () => {
      const patient = cluster.client().consumer({ autoOffsetReset: 'earliest', fetchWaitMs: 20_000 })
      patient.assign([at(0)])
      await read(patient, 100)
      expect(await patient.poll({ timeoutMs: 20 })).toEqual([]) // now a fetch waits
      if (transport === 'tcp') return // there it is answered in its turn, as for Kafka's own client
      patient.seek(at(0), offset(57))
      expect(valuesOf(await read(patient, 43), 0)).toEqual(every(300, 3, 171))
      expect(await patient.poll({ timeoutMs: 20 })).toEqual([])
      patient.assign([at(1)])
      expect(valuesOf(await read(patient, 100), 1)).toEqual(every(300, 3, 1))
    })

    it('deletes records for good, and reads on behind them', async () => {
      await read(consumer, 300)
      const admin = cluster.client().admin()
      await admin.deleteRecords(new TopicPartitionMap<Offset>().set('orders', 0, offset(42)))
      expect([...(await admin.listOffsets([at(0)], 'earliest')).values()]).toEqual([42])
      consumer.pause([at(1), at(2)])
      consumer.seek(at(0), offset(10))
      const [first] = await read(consumer, 58)
      expect(first).toMatchObject({ partition: 0, offset: 42 })
    })

    it('keeps what a paused partition has buffered, and gives none of it', async () => {
      await read(consumer, 1)
      consumer.pause([at(1)])
      expect(consumer.paused()).toEqual([at(1)])
      consumer.seek(at(0), offset(0))
      consumer.seek(at(2), offset(0))
      const others = await readUntil(
        consumer,
        (records) => valuesOf(records, 0).length + valuesOf(records, 2).length >= 200,
      )
      expect(valuesOf(others, 1)).toEqual([])
      const from = consumer.position(at(1)) ?? 0
      consumer.resume([at(1)])
      expect(valuesOf(await read(consumer, 100 - from), 1)).toEqual(every(300, 3, 1 + 3 * from))
    })

    it('knows the lag once a fetch has answered', async () => {
      expect(consumer.currentLag(at(0))).toBeUndefined()
      await read(consumer, 300)
      expect(consumer.currentLag(at(0))).toBe(0)
      consumer.seek(at(0), offset(40))
      expect(consumer.currentLag(at(0))).toBe(60)
    })

    it('commits as an outsider and begins there', async () => {
      const position = { offset: offset(90), leaderEpoch: 0, metadata: 'note' }
      await consumer.commit(new TopicPartitionMap<typeof position>().set('orders', 0, position))
      expect((await consumer.committed([at(0), at(1)])).get('orders', 0)).toEqual(position)
      expect((await consumer.committed([at(1)])).size).toBe(0)
      const next = cluster.client().consumer({ groupId: 'positions', autoOffsetReset: 'none' })
      next.assign([at(0)])
      expect(valuesOf(await read(next, 10), 0)).toEqual(every(300, 3, 270))
    })

    it('does what autoOffsetReset says when the position is gone', async () => {
      consumer.seek(at(0), offset(5_000))
      consumer.pause([at(1), at(2)])
      expect(valuesOf(await read(consumer, 100), 0)).toEqual(every(300, 3, 0))
      const strict = cluster.client().consumer({ autoOffsetReset: 'none' })
      strict.assign([at(0)])
      await expect(strict.poll({ timeoutMs: 10_000 })).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    })

    it('begins at the end by default', async () => {
      const late = cluster.client().consumer()
      late.assign([at(0)])
      expect(await late.poll({ timeoutMs: 50 })).toEqual([])
      while (late.position(at(0)) === undefined) await late.poll({ timeoutMs: 50 })
      expect(late.position(at(0))).toBe(100)
      await producer.send({ topic: 'orders', partition: 0, value: '7' })
      expect(valuesOf(await read(late, 1), 0)).toEqual([7])
    })

    it('fetches ahead within its bound, and wakes for what is appended', async () => {
      const narrow = cluster
        .client()
        .consumer({ autoOffsetReset: 'earliest', prefetchBytesMax: 2_000, partitionFetchBytesMax: 600 })
      narrow.assign([at(0), at(1), at(2)])
      expect((await read(narrow, 300)).length).toBe(300)
      const waiting = read(narrow, 1)
      await producer.send({ topic: 'orders', partition: 2, value: '42' })
      expect(valuesOf(await waiting, 2)).toEqual([42])
    })

    it('can be aborted', async () => {
      const abort = new AbortController()
      await read(consumer, 300)
      const polling = consumer.poll({ timeoutMs: 60_000, signal: abort.signal })
      abort.abort()
      await expect(polling).rejects.toMatchObject({ code: 'ABORTED' })
    })
  })

  it('refuses options that are misspelt or out of range', () => {
    const client = cluster.client()
    const misspelt = { acks: 1, lingerMS: 3 } as const
    expect(() => client.producer(misspelt)).toThrow(/Did you mean "lingerMs"/)
    expect(() => client.producer({ acks: 1, idempotent: true })).toThrow(/needs acks "all"/)
    expect(() => client.consumer({ heartbeatIntervalMs: 50_000 })).toThrow(/session expire/)
    expect(() => client.consumer().subscribe(['orders'])).toThrow(/Set groupId/)
    try {
      client.producer({ batchBytes: -1 })
      expect.unreachable()
    } catch (error) {
      expect(codeOf(error)).toBe('CONFIG')
    }
  })
})
