import { afterEach, describe, expect, it } from 'vitest'
import { ClusterUnderTest } from './cluster-under-test.ts'

const keys = 200

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2))
}

describe('a compacted topic', () => {
  let cluster: ClusterUnderTest
  afterEach(() => cluster.stop())

  const cleaned = () => cluster.ports.metrics.snapshot().get('millrace_log_cleaner_runs_total') ?? 0

  it('is read without a hole by a thread that reads the files while the cleaner replaces them', async () => {
    cluster = await ClusterUnderTest.start('loopback', { log: { cleanerBackoffMs: 1 } })
    const client = cluster.client()
    const configs = {
      'cleanup.policy': 'compact',
      'segment.bytes': '8000',
      'min.cleanable.dirty.ratio': '0.05',
      'file.delete.delay.ms': '0',
    }
    await client.admin().createTopics([{ name: 'table', partitions: 1, configs }])
    const link = cluster.engine.threadLink()
    const thread = cluster.ports.threads.start(new URL('./sweeping-thread.mjs', import.meta.url), {
      name: 'sweeper',
      data: { link: link.data, keys },
      move: link.move,
    })
    const report = new Promise((resolve) => thread.port.listen(resolve))
    const producer = client.producer({ batchBytes: 2_000 })
    let n = 0
    for (let round = 0; round < 12; round++) {
      const sent = Array.from({ length: 1500 }, () => {
        const value = `${n++}`
        return producer.send({ topic: 'table', partition: 0, key: `${Number(value) % keys}`, value })
      })
      await Promise.all(sent)
      await until(() => cleaned() > round)
    }
    await producer.send({ topic: 'table', partition: 0, key: 'end', value: 'end' })
    expect(await report).toEqual({ sweeps: expect.any(Number), wrong: [] })
    // Most of what was written is gone, so what the thread read was replaced under its hands.
    const dropped = 'millrace_log_cleaner_dropped_records_total{reason="superseded"}'
    expect(cluster.ports.metrics.snapshot().get(dropped)).toBeGreaterThan(n / 2)
    await link.close()
    expect(await thread.ended).toBeUndefined()
  })
})
