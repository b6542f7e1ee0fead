import { SimClock } from '@millrace/kernel/sim'
import { expect, test } from 'vitest'
import { GroupCommit } from '../src/group-commit.ts'
import { SyncPace } from '../src/sync-pace.ts'

const settle = async () => {
  for (let i = 0; i < 20; i++) await Promise.resolve()
}

test('a partition alone syncs in the turn in which it is asked', async () => {
  const clock = new SimClock()
  let syncs = 0
  const commit = new GroupCommit(async () => void syncs++, new SyncPace(clock, 1))
  for (let i = 1; i <= 5; i++) {
    await commit.ask()
    expect(syncs).toBe(i)
  }
})

test('of many busy partitions one is let through each millisecond, and nobody is forgotten', async () => {
  const clock = new SimClock()
  const pace = new SyncPace(clock, 1)
  const order: number[] = []
  const commits = Array.from({ length: 6 }, (_, i) => new GroupCommit(async () => void order.push(i), pace))
  const asked = commits.map((commit) => commit.ask())
  await settle()
  const atOnce = order.length
  expect(atOnce).toBeLessThanOrEqual(3)
  for (let ms = 0; ms < 8; ms++) {
    await clock.advance(1)
    await settle()
  }
  await Promise.all(asked)
  expect([...order].sort()).toEqual([0, 1, 2, 3, 4, 5])
})

test('those who ask while a partition waits for its turn share its sync', async () => {
  const clock = new SimClock()
  const pace = new SyncPace(clock, 1)
  for (let i = 0; i < 5; i++) pace.enter()
  let syncs = 0
  const commit = new GroupCommit(async () => void syncs++, pace)
  await commit.ask() // the first of the millisecond
  const asked = [commit.ask(), commit.ask(), commit.ask()]
  await settle()
  expect(syncs).toBe(1)
  await clock.advance(1)
  await Promise.all(asked)
  expect(syncs).toBe(2)
})
