import type { Consumer } from '@millrace/client'
import { type Offset, offset, TopicPartitionMap } from '@millrace/kernel'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ClusterUnderTest, recordsOf } from './cluster-under-test.ts'
import { HostileCluster } from './hostile-cluster.ts'

async function read(consumer: Consumer, count: number): Promise<(string | null)[]> {
  const values: (string | null)[] = []
  while (values.length < count) for (const { value } of recordsOf(await consumer.poll())) values.push(value)
  return values
}

describe('positions that are looked for', () => {
  let cluster: ClusterUnderTest
  beforeAll(async () => {
    cluster = await ClusterUnderTest.start('loopback')
    const client = cluster.client()
    await client.admin().createTopics([{ name: 'orders', partitions: 1 }])
    await client.producer().send({ topic: 'orders', value: 'there' })
  })
  afterAll(() => cluster.stop())

  it('are found where they can be, though another partition is not there', async () => {
    const consumer = cluster.client().consumer({ autoOffsetReset: 'earliest' })
    consumer.assign([
      { topic: 'missing', partition: 0 },
      { topic: 'orders', partition: 3 },
      { topic: 'orders', partition: 0 },
    ])
    expect(await read(consumer, 1)).toEqual(['there'])
    await consumer.close()
  })

  it('are found where they can be, though another partition may not be reset', async () => {
    const client = cluster.client()
    await client.admin().createTopics([{ name: 'strict', partitions: 1 }])
    const consumer = client.consumer({
      groupId: 'some',
      autoOffsetReset: (topic) => (topic === 'strict' ? 'none' : 'earliest'),
    })
    consumer.assign([
      { topic: 'strict', partition: 0 },
      { topic: 'orders', partition: 0 },
    ])
    const seen = new Set<unknown>()
    while (!seen.has('there')) {
      const polled = await consumer.poll().catch((error: { code: string }) => {
        seen.add(error.code)
        return []
      })
      for (const { value } of recordsOf(polled)) seen.add(value)
    }
    await expect(consumer.poll()).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    await consumer.close()
  })
})

describe('a position by duration', () => {
  const minute = 60_000
  let cluster: ClusterUnderTest
  beforeAll(async () => {
    cluster = await ClusterUnderTest.start('loopback')
    const client = cluster.client()
    await client.admin().createTopics(['aged', 'old', 'empty'].map((name) => ({ name, partitions: 1 })))
    const producer = client.producer()
    const nowMs = cluster.ports.clock.nowMs()
    for (const minutes of [600, 90, 30]) {
      await producer.send({ topic: 'aged', value: `${minutes}`, timestampMs: nowMs - minutes * minute })
    }
    await producer.send({ topic: 'old', value: 'old', timestampMs: nowMs - 600 * minute })
  })
  afterAll(() => cluster.stop())

  it.each([
    ['by_duration:PT1H', ['30']],
    ['by_duration:PT2H', ['90', '30']],
    ['by_duration:p1d', ['600', '90', '30']],
    ['by_duration:P30000D', ['600', '90', '30']],
  ] as const)('%s is at the first record that is not older', async (autoOffsetReset, values) => {
    await using consumer = cluster.client().consumer({ autoOffsetReset })
    consumer.assign([{ topic: 'aged', partition: 0 }])
    expect(await read(consumer, values.length)).toEqual(values)
  })

  it('is at the end where there is none', async () => {
    await using consumer = cluster.client().consumer({ autoOffsetReset: () => 'by_duration:PT1H' })
    const places = ['old', 'empty'].map((topic) => ({ topic, partition: 0 }))
    consumer.assign(places)
    while (places.some((at) => consumer.position(at) === undefined)) await consumer.poll({ timeoutMs: 10 })
    expect(places.map((at) => consumer.position(at))).toEqual([1, 0])
    await cluster.client().producer().send({ topic: 'old', value: 'new' })
    expect(await read(consumer, 1)).toEqual(['new'])
  })
})

describe('records that are deleted ahead of a reader', () => {
  it('cost it nothing of what it had fetched: its position is reset when all that is given out', async () => {
    const cluster = await ClusterUnderTest.start('loopback')
    const client = cluster.client()
    await client.admin().createTopics([{ name: 'orders', partitions: 1 }])
    const producer = client.producer()
    for (let i = 0; i < 100; i++) await producer.send({ topic: 'orders', value: 'x'.repeat(1_000) })
    const consumer = client.consumer({
      autoOffsetReset: 'earliest',
      partitionFetchBytesMax: 4_000,
      prefetchBytesMax: 16_000,
    })
    consumer.assign([{ topic: 'orders', partition: 0 }])
    const offsets: number[] = []
    const poll = async () => {
      for (const record of recordsOf(await consumer.poll({ bytesMax: 1 }))) offsets.push(record.offset)
      // The broker gets to answer while something is still to be given out.
      for (let turn = 0; turn < 50; turn++) await cluster.ports.clock.turn()
    }
    const counted = (name: string) => {
      const series = [...cluster.ports.metrics.snapshot()].filter(([key]) => key.startsWith(`millrace_client_${name}`))
      return series.reduce((sum, [, value]) => sum + value, 0)
    }
    while (offsets.length === 0) await poll()
    const before: TopicPartitionMap<Offset> = new TopicPartitionMap()
    await client.admin().deleteRecords(before.set('orders', 0, offset(90)))
    while (offsets.at(-1) !== 99) await poll()
    expect(counted('position_resets_total')).toBe(1)
    expect(counted('polled_bytes_total')).toBe(counted('fetched_bytes_total'))
    expect(offsets).toEqual([...offsets].sort((a, b) => a - b))
    await cluster.stop()
  })
})

describe('a poll while nobody answers', () => {
  let cluster: HostileCluster
  beforeAll(async () => {
    cluster = await HostileCluster.start()
  })
  afterAll(() => cluster.stop())

  it('returns nothing, and goes on once somebody does', async () => {
    const client = cluster.client()
    await client.admin().createTopics([{ name: 'orders', partitions: 1 }])
    await client.producer().send({ topic: 'orders', value: 'there' })
    const consumer = cluster.client().consumer({ groupId: 'g', autoOffsetReset: 'earliest' })
    consumer.assign([{ topic: 'orders', partition: 0 }])
    cluster.network.refusing = true
    for (let i = 0; i < 3; i++) expect(await consumer.poll({ timeoutMs: 100 })).toEqual([])
    cluster.network.refusing = false
    expect(await read(consumer, 1)).toEqual(['there'])
  })
})
