import { describe, expect, it } from 'vitest'
import { ClusterUnderTest, transports } from './cluster-under-test.ts'

describe.each(transports)('a loop over what is there at once, over %s', (transport) => {
  it('leaves timers their turn', async () => {
    const cluster = await ClusterUnderTest.start(transport)
    const client = cluster.client()
    await client.admin().createTopics([{ name: 'orders', partitions: 1 }])
    await client.producer().send({ topic: 'orders', value: 'x' })
    const at = { topic: 'orders', partition: 0 }
    const consumer = client.consumer({ autoOffsetReset: 'earliest' })
    consumer.assign([at])
    let fired = false
    cluster.ports.clock.after(20, () => {
      fired = true
    })
    // Without a turn the timer would never fire, and the loop never end.
    while (!fired) {
      await consumer.seekToBeginning([at])
      await consumer.poll({ timeoutMs: 1_000 })
    }
    expect(fired).toBe(true)
    await cluster.stop()
  })
})
