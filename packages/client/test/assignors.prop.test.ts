import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AssignorMember } from '../src/consumer.ts'
import { rangeAssignor, roundRobinAssignor } from '../src/index.ts'

const topics = ['a', 'b', 'c', 'd']
const group = fc.record({
  counts: fc.array(fc.integer({ min: 0, max: 13 }), { minLength: 4, maxLength: 4 }),
  members: fc.uniqueArray(
    fc.record({
      memberId: fc.string({ minLength: 1, maxLength: 4 }),
      topics: fc.subarray(topics, { minLength: 1 }),
    }),
    { selector: (member) => member.memberId, minLength: 1, maxLength: 7 },
  ),
})

type Group = typeof group extends fc.Arbitrary<infer T> ? T : never

function divide(assignor: ReturnType<typeof rangeAssignor>, { counts, members }: Group) {
  const given: AssignorMember[] = members.map((member) => ({ ...member, userData: null, ownedPartitions: [] }))
  return Promise.resolve(
    assignor.assign(given, { partitionsOf: (topic) => counts[topics.indexOf(topic)] || undefined }),
  )
}

describe.each([rangeAssignor(), roundRobinAssignor()])('assignor $name', (assignor) => {
  it('gives every partition of a subscribed topic to exactly one subscriber', async () => {
    await fc.assert(
      fc.asyncProperty(group, async (given) => {
        const owners = new Map<string, string>()
        const assignments = await divide(assignor, given)
        expect([...assignments.keys()].sort()).toEqual(given.members.map((member) => member.memberId).sort())
        for (const [memberId, { partitions }] of assignments) {
          for (const { topic, partition } of partitions) {
            expect(owners.has(`${topic}-${partition}`)).toBe(false)
            owners.set(`${topic}-${partition}`, memberId)
            expect(given.members.find((member) => member.memberId === memberId)?.topics).toContain(topic)
          }
        }
        const subscribed = topics.filter((topic) => given.members.some((member) => member.topics.includes(topic)))
        const expected = subscribed.reduce((sum, topic) => sum + given.counts[topics.indexOf(topic)]!, 0)
        expect(owners.size).toBe(expected)
      }),
    )
  })

  it('does not depend on the order of the members', async () => {
    await fc.assert(
      fc.asyncProperty(group, async (given) => {
        const turned = { ...given, members: [...given.members].reverse() }
        const sorted = (map: Awaited<ReturnType<typeof divide>>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1))
        expect(sorted(await divide(assignor, given))).toEqual(sorted(await divide(assignor, turned)))
      }),
    )
  })
})

describe('balance', () => {
  const alike = group.map((given) => ({ ...given, members: given.members.map((m) => ({ ...m, topics })) }))

  it('of range differs by at most one partition of each topic', async () => {
    await fc.assert(
      fc.asyncProperty(alike, async (given) => {
        for (const topic of topics) {
          const sizes = [...(await divide(rangeAssignor(), given)).values()].map(
            ({ partitions }) => partitions.filter((p) => p.topic === topic).length,
          )
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
        }
      }),
    )
  })

  it('of round robin differs by at most one partition in all', async () => {
    await fc.assert(
      fc.asyncProperty(alike, async (given) => {
        const sizes = [...(await divide(roundRobinAssignor(), given)).values()].map(
          ({ partitions }) => partitions.length,
        )
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1)
      }),
    )
  })
})
