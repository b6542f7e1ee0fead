import type { TopicPartition } from '@millrace/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { AssignorMember } from '../src/consumer.ts'
import { cooperativeStickyAssignor } from '../src/index.ts'

const topics = ['a', 'b', 'c']
const rack: fc.Arbitrary<string> = fc.constantFrom('r1', 'r2', 'r3')
const partition = fc.uniqueArray(rack, { maxLength: 3 })
const group = fc.record({
  racks: fc.array(fc.array(partition, { maxLength: 8 }), { minLength: 3, maxLength: 3 }),
  members: fc.uniqueArray(
    fc.record({
      memberId: fc.integer({ min: 0, max: 9 }).map(String),
      rackId: fc.option(fc.oneof(rack, fc.constant('elsewhere'))),
      topics: fc.oneof(fc.constant(topics), fc.subarray(topics, { minLength: 1 })),
    }),
    { selector: ({ memberId }) => memberId, minLength: 1, maxLength: 5 },
  ),
})

type Group = typeof group extends fc.Arbitrary<infer T> ? T : never
type Owned = ReadonlyMap<string, readonly TopicPartition[]>

const none: Owned = new Map()

async function divide({ racks, members }: Group, owned: Owned, isTold = true): Promise<Owned> {
  const given: AssignorMember[] = members.map((member) => ({
    ...member,
    userData: null,
    ownedPartitions: owned.get(member.memberId) ?? [],
    generation: owned.size === 0 ? -1 : 1,
  }))
  const racksOf = (topic: string, at: number) => racks[topics.indexOf(topic)]?.[at] ?? []
  const cluster = { partitionsOf: (topic: string) => racks[topics.indexOf(topic)]?.length }
  const assignments = await cooperativeStickyAssignor().assign(given, isTold ? { ...cluster, racksOf } : cluster)
  return new Map([...assignments].map(([memberId, { partitions }]) => [memberId, partitions]))
}

/** Each partition is with somebody who reads its topic, as drawn. */
function ownedBy({ racks, members }: Group, draws: readonly number[]): Owned {
  const owned = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]))
  let next = 0
  topics.forEach((topic, i) => {
    const readers = members.filter((member) => member.topics.includes(topic))
    racks[i]?.forEach((_, at) => {
      const reader = readers[(draws[next++] ?? 0) % readers.length]
      if (reader !== undefined) owned.get(reader.memberId)?.push({ topic, partition: at })
    })
  })
  return owned
}

const loads = (division: Owned) => [...division.values()].map(({ length }) => length).sort()
const places = (division: Owned) => [...division.values()].flat().map((at) => `${at.topic}-${at.partition}`)

/** How many partitions are read from another rack. */
function far({ racks, members }: Group, division: Owned): number {
  let count = 0
  for (const { memberId, rackId } of members) {
    for (const { topic, partition: at } of division.get(memberId) ?? []) {
      if (rackId !== null && racks[topics.indexOf(topic)]?.[at]?.includes(rackId) !== true) count++
    }
  }
  return count
}

describe('cooperative-sticky by rack', () => {
  it('gives out the same partitions as evenly, no more of them from afar', async () => {
    await fc.assert(
      fc.asyncProperty(group, async (given) => {
        const [near, blind] = await Promise.all([divide(given, none), divide(given, none, false)])
        expect(places(near).sort()).toEqual(places(blind).sort())
        expect(new Set(places(near)).size).toBe(places(near).length)
        expect(loads(near)).toEqual(loads(blind))
        expect(far(given, near)).toBeLessThanOrEqual(far(given, blind))
      }),
    )
  })

  it('stays as it is once it has been brought together', async () => {
    await fc.assert(
      fc.asyncProperty(group, async (given) => {
        const first = await divide(given, none)
        expect(await divide(given, first)).toEqual(first)
      }),
    )
  })

  it('settles within the rounds that a cooperative group takes, wherever it begins', async () => {
    const owners = fc.array(fc.nat(9), { minLength: 24, maxLength: 24 })
    await fc.assert(
      fc.asyncProperty(group, owners, async (given, draws) => {
        // What changes hands is let go of in one round, and given out in the next.
        let division: Owned = ownedBy(given, draws)
        for (let round = 0; round < 3; round++) division = await divide(given, division)
        expect(await divide(given, division)).toEqual(division)
        expect(loads(division)).toEqual(loads(await divide(given, none)))
      }),
    )
  })

  it('reads everything nearby where each rack has its reader and its share', async () => {
    const racks = [['r1', 'r2', 'r3', 'r1', 'r2', 'r3'].map((one) => [one]), [], []]
    const members = ['r3', 'r1', 'r2'].map((rackId, i) => ({ memberId: `${i}`, rackId, topics: ['a'] }))
    expect(far({ racks, members }, await divide({ racks, members }, none))).toBe(0)
  })
})
