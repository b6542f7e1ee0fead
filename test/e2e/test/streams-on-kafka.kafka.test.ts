import { expect, inject, test } from 'vitest'
import { ClusterRoom } from '../src/cluster-room.ts'
import { CountingInstances, events, recount } from '../src/counting-instances.ts'

declare module 'vitest' {
  interface ProvidedContext {
    kafka: string | undefined
  }
}

test('exactly-once on Apache Kafka: processes are killed and stand still, and every count is right', async () => {
  const address = inject('kafka')
  if (address === undefined) throw new Error('this lane starts Apache Kafka')
  const counting = await CountingInstances.in(ClusterRoom.at(address), address, 'exactly-once')
  try {
    const first = counting.start('a')
    await counting.settled(first)
    await counting.write(0, 5_000)
    await first.kill()
    const again = counting.start('a')
    const second = counting.start('b')
    await counting.settled(again, second)
    await counting.write(5_000, 10_000)
    second.child.kill('SIGSTOP')
    await counting.write(10_000, 12_000)
    await counting.settled(again)
    second.child.kill('SIGCONT')
    second.status = undefined
    await counting.settled(again, second)
    await counting.write(12_000, 13_000)
    await counting.processed()
    // Kafka answers the end of a transaction before its marks stand in every partition.
    const sum = async () => [...(await counting.counted()).values()].reduce((total, count) => total + count, 0)
    await counting.room.until(async () => (await sum()) >= 13_000)
    expect(await counting.counted()).toEqual(recount(events(0, 13_000)))
  } finally {
    await counting.close()
  }
}, 180_000)
