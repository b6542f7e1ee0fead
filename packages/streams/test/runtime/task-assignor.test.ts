import type { AssignorMember } from '@millrace/client'
import { string } from '@millrace/schema'
import { expect, test } from 'vitest'
import { defineTopology } from '../../src/dsl/define-topology.ts'
import { topic } from '../../src/dsl/topic.ts'
import { TaskAssignor } from '../../src/runtime/task-assignor.ts'
import { planTopology } from '../../src/topology/plan.ts'

const text = { key: string(), value: string() }
const planOf = (...topics: readonly string[]) =>
  planTopology(
    defineTopology('app', ({ stream }) => {
      for (const from of topics) stream(topic(from, text)).to(topic('out', text))
    }),
  )

function member(memberId: string, assignor: TaskAssignor): AssignorMember {
  return { memberId, topics: ['a'], userData: assignor.userData(), ownedPartitions: [] }
}

/** What a member makes of its share of an assignment. */
function taken(assignor: TaskAssignor, given: ReturnType<TaskAssignor['assign']>, memberId: string) {
  const { userData = null, partitions = [] } = given.get(memberId) ?? {}
  assignor.onAssigned(userData, partitions, 1)
  return { tasks: assignor.assigned.tasks.map(({ id }) => id), refused: assignor.assigned.refusal !== undefined }
}

const two = { partitionsOf: () => 2 }

test('a newcomer with another topology is refused; those who run go on', () => {
  const [one, other, newcomer] = [
    new TaskAssignor(planOf('a')),
    new TaskAssignor(planOf('a')),
    new TaskAssignor(planOf('b')),
  ]
  one.standing = ['0_0']
  other.standing = ['0_1']
  const given = one.assign([member('1', one), member('2', other), member('3', newcomer)], two)
  expect(taken(one, given, '1')).toEqual({ tasks: ['0_0'], refused: false })
  expect(taken(other, given, '2')).toEqual({ tasks: ['0_1'], refused: false })
  expect(taken(newcomer, given, '3')).toEqual({ tasks: [], refused: true })
  expect([one.outdated, newcomer.outdated]).toEqual([false, true])
})

test('a leader that is the newcomer gives nobody anything, and knows that it is itself the one to go', () => {
  const [one, newcomer] = [new TaskAssignor(planOf('a')), new TaskAssignor(planOf('b'))]
  one.standing = ['0_0', '0_1']
  const given = newcomer.assign([member('1', one), member('3', newcomer)], two)
  expect(taken(one, given, '1')).toEqual({ tasks: [], refused: true })
  taken(newcomer, given, '3')
  expect([one.outdated, newcomer.outdated]).toEqual([false, true])
})

test('an assignment of an earlier topology is told, and the next join differs', () => {
  const [before, after] = [new TaskAssignor(planOf('a')), new TaskAssignor(planOf('a', 'b'))]
  const given = before.assign([member('1', before)], two)
  expect(taken(after, given, '1').refused).toBe(false)
  expect(after.outdated).toBe(true)
  const first = after.userData()
  after.askAnew()
  expect(after.userData().equals(first)).toBe(false)
})

test('a sub-topology of which a topic is not known has no tasks: half of a join must not run', () => {
  const plan = planTopology(
    defineTopology('app', ({ stream, table }) => {
      const names = table(topic('names', text), { store: 'names' })
      stream(topic('a', text))
        .join(names, (value, name) => value + name)
        .to(topic('out', text))
    }),
  )
  const assignor = new TaskAssignor(plan)
  const given = assignor.assign([member('1', assignor)], { partitionsOf: (name) => (name === 'a' ? 2 : undefined) })
  expect(taken(assignor, given, '1').tasks).toEqual([])
})
