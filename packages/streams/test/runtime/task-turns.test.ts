import type { Clock } from '@millrace/kernel'
import { expect, test } from 'vitest'
import { TaskTurns, type TurnTaking } from '../../src/runtime/task-turns.ts'

/** A clock that moves as records are processed. */
class WorkClock implements Pick<Clock, 'monotonicMs'> {
  ms = 0
  monotonicMs(): number {
    return this.ms
  }
}

class Work implements TurnTaking {
  done = 0
  longestMs = 0
  commitWanted = false
  left = Number.POSITIVE_INFINITY
  readonly #clock: WorkClock
  readonly #costMs: number

  constructor(clock: WorkClock, costMs: number) {
    this.#clock = clock
    this.#costMs = costMs
  }

  process(recordsMax: number): number {
    const count = Math.min(recordsMax, this.left)
    this.left -= count
    this.done += count
    this.#clock.ms += count * this.#costMs
    this.longestMs = Math.max(this.longestMs, count * this.#costMs)
    return count
  }
}

const turnsOf = (clock: WorkClock, full = () => false) => {
  const whole: Clock = {
    monotonicMs: () => clock.monotonicMs(),
    nowMs: () => clock.monotonicMs(),
    after: () => ({ cancel() {} }),
    sleep: async () => {},
    turn: async () => {},
  }
  return new TaskTurns(whole, full)
}

test('tasks share time, whatever their records cost, and a slice ends soon after its time', () => {
  const clock = new WorkClock()
  const works = [0.001, 0.001, 1, 5].map((cost) => new Work(clock, cost))
  const turns = turnsOf(clock)
  for (let i = 0; i < 200; i++) turns.run(works, 10) // learns what records cost
  const before = works.map(({ done }) => done)
  for (const work of works) work.longestMs = 0
  for (let i = 0; i < 400; i++) {
    const startMs = clock.ms
    expect(turns.run(works, 10)).toBe('time')
    expect(clock.ms - startMs).toBeLessThan(10 + 5 + 1)
  }
  const shares = works.map(({ done }, i) => (done - (before[i] ?? 0)) * ([0.001, 0.001, 1, 5][i] ?? 0))
  expect(Math.min(...shares)).toBeGreaterThan(Math.max(...shares) / 6)
  for (const { longestMs } of works) expect(longestMs).toBeLessThanOrEqual(5)
})

test('goes on where it stopped, ends when nothing is left, and asks for what a task asks for', () => {
  const clock = new WorkClock()
  const works = [new Work(clock, 1), new Work(clock, 1), new Work(clock, 1)]
  for (const work of works) work.left = 10
  const turns = turnsOf(clock)
  for (let i = 0; i < 3; i++) turns.run(works, 0)
  expect(works.map(({ done }) => done > 0)).toEqual([true, true, true])
  expect(turns.run(works, 1_000)).toBe('idle')
  expect(works.map(({ done }) => done)).toEqual([10, 10, 10])
  const [first] = works
  if (first === undefined) throw new Error('there are three')
  first.commitWanted = true
  expect(turns.run(works, 1_000)).toBe('commit')
  expect(turns.run([], 10)).toBe('idle')
  expect(turnsOf(clock, () => true).run(works, 10)).toBe('full')
})
