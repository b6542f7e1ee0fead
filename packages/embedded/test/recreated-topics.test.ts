import type { Consumer } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ClusterUnderTest, recordsOf, transports } from './cluster-under-test.ts'

const at = { topic: 'orders', partition: 0 }

function positionAt(value: number) {
  const positions = new TopicPartitionMap<{
    offset: ReturnType<typeof offset>
    leaderEpoch: number
    metadata: string
  }>()
  positions.set('orders', 0, { offset: offset(value), leaderEpoch: -1, metadata: '' })
  return positions
}

describe.each(transports)('a topic that is deleted and made anew, over %s', (transport) => {
  let cluster: ClusterUnderTest
  beforeEach(async () => {
    cluster = await ClusterUnderTest.start(transport, { log: { syncAcksAll: false } })
    await make()
  })
  afterEach(() => cluster.stop())

  async function make(): Promise<void> {
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 'orders', partitions: 1 }])
  }

  async function read(consumer: Consumer, last: string): Promise<string[]> {
    const values: string[] = []
    while (values.at(-1) !== last) {
      for (const { value } of recordsOf(await consumer.poll({ timeoutMs: 100 }))) values.push(value!)
    }
    return values
  }

  async function send(from: number, to: number, producer = cluster.client().producer()): Promise<void> {
    const sent = Array.from({ length: to - from }, (_, i) => producer.send({ ...at, value: `${from + i}` }))
    await Promise.all(sent)
  }

  async function again(): Promise<void> {
    await cluster.client().admin().deleteTopics(['orders'])
    await make()
  }

  it('is written and read by those who knew it before, from its beginning', async () => {
    const client = cluster.client()
    const producer = client.producer({ batchBytes: 100 })
    await send(0, 50, producer)
    const consumer = client.consumer({ autoOffsetReset: 'earliest' })
    consumer.assign([at])
    await read(consumer, '49')
    await again()
    await send(50, 60, producer)
    expect(await read(consumer, '59')).toEqual(Array.from({ length: 10 }, (_, i) => `${50 + i}`))
  })

  it('has its positions committed by those who knew it before', async () => {
    const client = cluster.client()
    const consumer = client.consumer({ groupId: 'g', autoOffsetReset: 'earliest' })
    await send(0, 5)
    consumer.assign([at])
    await read(consumer, '4')
    await again()
    await send(5, 8)
    await consumer.commit(positionAt(2))
    expect((await consumer.committed([at])).get('orders', 0)?.offset).toBe(2)
  })

  it('has its positions altered by an administrator who knew it before', async () => {
    const client = cluster.client()
    await send(0, 1, client.producer())
    await again()
    await client.admin().alterGroupOffsets('idle', positionAt(0))
    expect((await client.admin().groupOffsets('idle')).get('orders', 0)?.offset).toBe(0)
  })

  it('loses nothing of what was in flight to it, and has it in order', async () => {
    const producer = cluster.client().producer({ batchBytes: 100 })
    await send(0, 5, producer)
    const sending = Array.from({ length: 200 }, (_, i) => producer.send({ ...at, value: `${i}` }))
    await Promise.race(sending)
    await again()
    const results = await Promise.allSettled(sending)
    expect(results.filter(({ status }) => status === 'rejected')).toEqual([])
    await send(900, 901, producer)
    const consumer = cluster.client().consumer({ autoOffsetReset: 'earliest' })
    consumer.assign([at])
    const values = (await read(consumer, '900')).map(Number)
    expect(values).toEqual([...values].sort((a, b) => a - b))
    expect(new Set(values).size).toBe(values.length)
  })
})
