import { SimClock } from '@millrace/kernel/sim'
import { describe, expect, it } from 'vitest'
import { Pace } from '../src/pace.ts'
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

describe('a pace', () => {
  it('lets nobody overtake those who wait for a turn', async () => {
    const clock = new SimClock()
    const pace = new Pace(clock)
    const passed: number[] = []
    const pass = (answer: number) => pace.turnIfDue().then(() => passed.push(answer))
    clock.advanceSync(5)
    const first = pass(0)
    await Promise.resolve()
    const second = pass(1)
    // Between the two turns that they would take by themselves comes one for whom none is due.
    const third = first.then(() => pass(2))
    await Promise.all([first, second, third])
    expect(passed).toEqual([0, 1, 2])
  })
})
