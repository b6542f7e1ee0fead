import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { CountingInstances, events, recount, startsMs } from '../src/counting-instances.ts'
import type { StreamsRoom } from '../src/streams-room.ts'

vi.setConfig({ testTimeout: startsMs })

let counting: CountingInstances<StreamsRoom>
beforeEach(async () => {
  counting = await CountingInstances.open('at-least-once')
})
afterEach(() => counting.close())

/** No user below the true count; how many events were counted twice. */
async function countedTwice(written: number): Promise<number> {
  const counts = await counting.counted()
  let twice = 0
  for (const [user, truth] of recount(events(0, written))) {
    const count = counts.get(user) ?? 0
    expect(count, user).toBeGreaterThanOrEqual(truth)
    twice += count - truth
  }
  return twice
}

test('instances come, stop and are killed: tasks move, and nothing is missing', async () => {
  await counting.write(0, 5_000)
  const first = counting.start('a')
  await counting.settled(first)
  await counting.write(5_000, 10_000)
  const second = counting.start('b')
  await counting.settled(first, second)
  await counting.processed()
  await counting.write(10_000, 15_000)

  // Without a kill every count is right: a task that moves has been committed before.
  await first.stop()
  await counting.settled(second)
  await counting.processed()
  expect(await counting.counted()).toEqual(recount(events(0, 15_000)))

  // Back with its state: only what the other did meanwhile is restored.
  const third = counting.start('a', 2)
  await counting.settled(third, second)
  await counting.processed()
  expect(await counting.counted()).toEqual(recount(events(0, 15_000)))
  await counting.write(15_000, 25_000)
  await second.kill()
  await counting.write(25_000, 30_000)
  await counting.settled(third)
  await counting.processed()
  // What one interval holds at most: everything that was there when it died.
  expect(await countedTwice(30_000)).toBeLessThanOrEqual(10_000)
  await third.stop()
})

test('a process that stands still until its session is over joins again and loses nothing', async () => {
  const first = counting.start('a')
  const second = counting.start('b')
  await counting.settled(first, second)
  await counting.write(0, 4_000)
  first.child.kill('SIGSTOP')
  await counting.write(4_000, 8_000)
  await counting.settled(second)
  await counting.processed()
  first.child.kill('SIGCONT')
  first.status = undefined
  await counting.settled(first, second)
  await counting.write(8_000, 9_000)
  await counting.processed()
  await countedTwice(9_000)
  await first.stop()
  await second.stop()
})

test('a broker that goes away and comes back stops nobody, and nothing is missing', async () => {
  const [first, second] = [counting.start('a'), counting.start('b')]
  await counting.settled(first, second)
  await counting.write(0, 4_000)
  await counting.room.restartEngine(() => counting.room.ports.clock.sleep(2_000)) // longer than a session
  await counting.write(4_000, 6_000)
  await counting.settled(first, second)
  await counting.processed()
  await countedTwice(6_000)
  await Promise.all([first.stop(), second.stop()])
})
