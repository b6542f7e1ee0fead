import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CountingInstances, events, recount, startsMs } from '../src/counting-instances.ts'
import type { StreamsRoom } from '../src/streams-room.ts'

vi.setConfig({ testTimeout: startsMs })

let counting: CountingInstances<StreamsRoom>
beforeEach(async () => {
  counting = await CountingInstances.open('exactly-once')
})
afterEach(() => counting.close())

/** Everything is counted, and counted once. */
async function right(written: number): Promise<void> {
  await counting.processed()
  // What a process left open that never comes back hides what follows it, until its time is over.
  const counted = async () => [...(await counting.counted()).values()].reduce((sum, count) => sum + count, 0)
  await counting.room.until(async () => (await counted()) >= written)
  expect(await counting.counted()).toEqual(recount(events(0, written)))
}

test('killed and started again, alone and beside others: every count is right', async () => {
  await counting.write(0, 5_000)
  const first = counting.start('a')
  await counting.settled(first)
  await counting.write(5_000, 10_000)
  await first.kill()
  const again = counting.start('a', 2)
  const second = counting.start('b')
  await counting.settled(again, second)
  await right(10_000)
  await counting.write(10_000, 15_000)
  // It never comes back: what it left open is aborted when its time is over.
  await second.kill()
  await counting.settled(again)
  await right(15_000)
  // With no state at all it is all in the changelogs, and only what was committed.
  await again.kill()
  const bare = counting.start('c')
  await counting.settled(bare)
  await counting.write(15_000, 16_000)
  await right(16_000)
})

test('a process that stands still while others take its tasks writes nothing when it wakes', async () => {
  const first = counting.start('a')
  const second = counting.start('b')
  await counting.settled(first, second)
  await counting.write(0, 4_000)
  first.child.kill('SIGSTOP')
  await counting.write(4_000, 8_000)
  await counting.settled(second)
  await right(8_000)
  first.child.kill('SIGCONT')
  first.status = undefined
  await counting.settled(first, second)
  await counting.write(8_000, 9_000)
  await right(9_000)
})

test('a broker that goes away in the middle and comes back stops nobody, and every count is right', async () => {
  const [first, second] = [counting.start('a'), counting.start('b')]
  await counting.settled(first, second)
  await counting.write(0, 4_000)
  await counting.room.restartEngine(() => counting.room.ports.clock.sleep(2_000)) // longer than a session
  await counting.write(4_000, 6_000)
  await counting.settled(first, second)
  await right(6_000)
})
