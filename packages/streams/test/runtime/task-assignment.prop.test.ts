import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignTasks, type MemberState, type PlacedTask } from '../../src/runtime/task-assignment.ts'

const tasksOf = (partitions: readonly number[]): PlacedTask[] =>
  partitions.flatMap((count, subtopology) =>
    Array.from({ length: count }, (_, partition) => ({ id: `${subtopology}_${partition}`, subtopology, partition })),
  )

const member = (standing: readonly string[]): MemberState => ({ fingerprint: 'f', standing, kept: [] })

const groups = fc.record({
  partitions: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 }),
  names: fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 7 }),
  seed: fc.integer({ min: 0, max: 1000 }),
})

test('every task is placed once, and no member holds two more of a sub-topology than another', () => {
  fc.assert(
    fc.property(groups, ({ partitions, names, seed }) => {
      const tasks = tasksOf(partitions)
      const members = new Map(
        names.map((name, i) => [
          name,
          member(tasks.filter((_, t) => (t * 7 + seed) % (i + 2) === 0).map(({ id }) => id)),
        ]),
      )
      const placed = assignTasks(tasks, members)
      expect(
        [...placed.values()]
          .flat()
          .map(({ id }) => id)
          .sort(),
      ).toEqual(tasks.map(({ id }) => id).sort())
      partitions.forEach((_, subtopology) => {
        const counts = [...placed.values()].map(
          (held) => held.filter((task) => task.subtopology === subtopology).length,
        )
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      })
    }),
  )
})

test('a task stays where its state stands when the members stay', () => {
  fc.assert(
    fc.property(groups, ({ partitions, names }) => {
      const tasks = tasksOf(partitions)
      const first = assignTasks(tasks, new Map(names.map((name) => [name, member([])])))
      const again = assignTasks(
        tasks,
        new Map([...first].map(([name, held]) => [name, member(held.map(({ id }) => id))] as const)),
      )
      expect(new Map([...again].map(([name, held]) => [name, held.map(({ id }) => id).sort()]))).toEqual(
        new Map([...first].map(([name, held]) => [name, held.map(({ id }) => id).sort()])),
      )
    }),
  )
})

test('a member that goes gives its tasks to the others, who keep their own', () => {
  const tasks = tasksOf([4, 4])
  const before = assignTasks(tasks, new Map(['a', 'b', 'c', 'd'].map((name) => [name, member([])])))
  before.delete('d')
  const after = assignTasks(tasks, new Map([...before].map(([name, held]) => [name, member(held.map(({ id }) => id))])))
  for (const [name, held] of before)
    expect(after.get(name)?.map(({ id }) => id)).toEqual(expect.arrayContaining(held.map(({ id }) => id)))
})

test('a task that runs nowhere goes where its state is kept; where one runs counts more', () => {
  const tasks = tasksOf([2])
  const kept = (ids: readonly string[]): MemberState => ({ fingerprint: 'f', standing: [], kept: ids })
  const fresh = assignTasks(
    tasks,
    new Map([
      ['a', kept(['0_1'])],
      ['b', kept(['0_0'])],
    ]),
  )
  expect(fresh.get('a')?.map(({ id }) => id)).toEqual(['0_1'])
  expect(fresh.get('b')?.map(({ id }) => id)).toEqual(['0_0'])
  const running = assignTasks(
    tasks,
    new Map([
      ['a', { fingerprint: 'f', standing: ['0_0'], kept: ['0_1'] }],
      ['b', { fingerprint: 'f', standing: ['0_1'], kept: ['0_0'] }],
    ]),
  )
  expect(running.get('a')?.map(({ id }) => id)).toEqual(['0_0'])
})
