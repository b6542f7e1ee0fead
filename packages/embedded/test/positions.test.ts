import type { Consumer } from '@millrace/client'
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
