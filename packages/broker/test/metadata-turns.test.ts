import { SimClock, SimDisk } from '@millrace/kernel/sim'
import { expect, test } from 'vitest'
import { BrokerBench } from './broker-bench.ts'

/** Each look at it takes longer than a request may keep the others waiting; what they do then, the test says. */
class SlowClock extends SimClock {
  meanwhile: (() => Promise<void>) | undefined
  #looks = 0

  override monotonicMs(): number {
    return super.monotonicMs() + (this.meanwhile === undefined ? 0 : 100 * ++this.#looks)
  }

  override async turn(): Promise<void> {
    const { meanwhile } = this
    this.meanwhile = undefined
    await meanwhile?.()
    await super.turn()
  }
}

test('metadata of all topics tells what there is when it comes to a topic, not what there was', async () => {
  const clock = new SlowClock(Date.UTC(2026, 0, 1))
  const bench = await BrokerBench.start({}, new SimDisk(), clock)
  for (const name of ['a', 'b', 'c', 'd']) await bench.createTopic(name)
  let newId = ''
  let isDone = false
  clock.meanwhile = async () => {
    await bench.send('deleteTopics', { topics: [{ name: 'b' }] })
    await bench.send('deleteTopics', { topics: [{ name: 'c' }] })
    newId = await bench.createTopic('c', 3)
    await bench.send('createPartitions', { topics: [{ name: 'd', count: 2, assignments: null }] })
    isDone = true
  }
  const { topics } = await bench.send('metadata', { topics: null })
  expect(isDone).toBe(true)
  const told = topics.map(({ name, topicId, errorCode, partitions }) => ({
    name,
    isNew: topicId === newId,
    errors: [errorCode, ...partitions.map((partition) => partition.errorCode)],
  }))
  expect(told).toEqual([
    { name: 'a', isNew: false, errors: [0, 0] },
    { name: 'c', isNew: true, errors: [0, 0, 0, 0] },
    { name: 'd', isNew: false, errors: [0, 0, 0] },
  ])
})
