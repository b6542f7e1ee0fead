import { type PolledBatch, type ProducerInterceptor, recordsOf } from '@millrace/client'
import { offset, TopicPartitionMap } from '@millrace/kernel'
import type { memoryMetrics } from '@millrace/kernel/node'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ClusterUnderTest, transports } from './cluster-under-test.ts'

const text = (bytes: Buffer) => bytes.toString()

describe.each(transports)('interceptors over %s', (transport) => {
  let cluster: ClusterUnderTest
  let seen: string[]
  beforeEach(async () => {
    cluster = await ClusterUnderTest.start(transport)
    seen = []
    await cluster
      .client()
      .admin()
      .createTopics([{ name: 't', partitions: 2 }])
  })
  afterEach(() => cluster.stop())

  const marking = (mark: string): ProducerInterceptor => ({
    onSend: (record) => ({ ...record, value: `${record.value}${mark}` }),
    onAcknowledgement: (metadata, error) => void seen.push(`${mark} ${metadata?.offset} ${error?.name}`),
    close: async () => void seen.push(`${mark} closed`),
  })

  async function valuesOf(partition: number, count: number): Promise<string[]> {
    const consumer = cluster.client().consumer({ autoOffsetReset: 'earliest' })
    consumer.assign([{ topic: 't', partition }])
    const values: string[] = []
    while (values.length < count) {
      for (const { value } of recordsOf(await consumer.poll(), { value: text })) values.push(value ?? '')
    }
    await consumer.close()
    return values
  }

  test('of a producer change records in order and hear once of each', async () => {
    const moving: ProducerInterceptor = { onSend: (record) => ({ ...record, partition: 1 }) }
    const producer = cluster.client().producer({ interceptors: [marking('a'), {}, marking('b'), moving] })
    const sent = await Promise.all(['1', '2'].map((value) => producer.send({ topic: 't', partition: 0, value })))
    expect(sent.map(({ partition, offset: at }) => [partition, at])).toEqual([
      [1, 0],
      [1, 1],
    ])
    expect(await valuesOf(1, 2)).toEqual(['1ab', '2ab'])
    expect(seen).toEqual(['a 0 undefined', 'b 0 undefined', 'a 1 undefined', 'b 1 undefined'])
    await producer.close()
    expect(seen.slice(4)).toEqual(['a closed', 'b closed'])
  })

  test('of a producer hear of what fails, and the caller hears it too', async () => {
    const producer = cluster.client().producer({ interceptors: [marking('a')] })
    const failing = producer.send({ topic: 't', partition: 7, value: 'nowhere' })
    await expect(failing).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' })
    expect(seen).toEqual(['a undefined MillraceError'])
    await producer.close()
  })

  test('that throw are as if they had not been there, and counted', async () => {
    const fail = () => {
      throw new Error('no')
    }
    const producer = cluster.client().producer({
      interceptors: [{ onSend: fail, onAcknowledgement: fail, close: fail }, marking('b')],
    })
    expect(await producer.send({ topic: 't', partition: 0, value: '1' })).toMatchObject({ offset: 0 })
    await producer.close()
    expect(seen).toEqual(['b 0 undefined', 'b closed'])
    const failures = failuresOf(cluster, 'millrace_client_interceptor_failures_total')
    expect(failures).toBe(3)
    expect(await valuesOf(0, 1)).toEqual(['1b'])
  })

  test('of a consumer see what poll returns and what is committed', async () => {
    const producer = cluster.client().producer()
    for (const value of ['1', '2', '3']) await producer.send({ topic: 't', partition: 0, value })
    await producer.close()
    const fail = () => {
      throw new Error('no')
    }
    const only = (batches: readonly PolledBatch[]) => batches.filter(({ next }) => next !== 2)
    const consumer = cluster.client().consumer({
      groupId: 'g',
      autoOffsetReset: 'earliest',
      interceptors: [
        { onConsume: only },
        { onConsume: fail, onCommit: fail },
        {
          onConsume(batches) {
            for (const { value } of recordsOf(batches, { value: text })) seen.push(`read ${value}`)
            return batches
          },
          onCommit: (offsets) => void seen.push(`committed ${offsets.get('t', 0)?.offset}`),
          close: () => void seen.push('closed'),
        },
      ],
    })
    consumer.assign([{ topic: 't', partition: 0 }])
    const values: (string | null)[] = []
    while (values.at(-1) !== '3') {
      for (const { value } of recordsOf(await consumer.poll(), { value: text })) values.push(value)
    }
    expect(values).toEqual(['1', '3'])
    const end = new TopicPartitionMap<{ offset: ReturnType<typeof offset>; leaderEpoch: number; metadata: string }>()
    await consumer.commit(end.set('t', 0, { offset: offset(3), leaderEpoch: -1, metadata: '' }))
    await consumer.close()
    expect(seen.filter((one) => one.startsWith('read'))).toEqual(['read 1', 'read 3'])
    expect(seen).toContain('committed 3')
    expect(seen.at(-1)).toBe('closed')
    expect(failuresOf(cluster, 'millrace_client_interceptor_failures_total{group="g"}')).toBeGreaterThanOrEqual(2)
  })
})

function failuresOf({ ports }: ClusterUnderTest, name: string): number {
  const metrics: Partial<ReturnType<typeof memoryMetrics>> = ports.metrics
  return metrics.snapshot?.().get(name) ?? 0
}
