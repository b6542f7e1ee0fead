import type { Buffer } from 'node:buffer'
import type { TopicPartition } from '@millrace/kernel'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Assignor, AssignorMember, MemberAssignment } from '../src/consumer.ts'
import { cooperativeStickyAssignor, stickyAssignor } from '../src/index.ts'

const topics = ['a', 'b', 'c']
const counts = fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 3, maxLength: 3 })
const ids = fc.uniqueArray(fc.integer({ min: 0, max: 9 }).map(String), { minLength: 1, maxLength: 5 })
const alike = ids.map((list) => list.map((memberId) => ({ memberId, topics })))
const unlike = ids.chain((list) =>
  fc.tuple(
    ...list.map((memberId) => fc.subarray(topics, { minLength: 1 }).map((some) => ({ memberId, topics: some }))),
  ),
)
type Members = readonly { readonly memberId: string; readonly topics: readonly string[] }[]
type Division = ReadonlyMap<string, readonly TopicPartition[]>

const named = ({ topic, partition }: TopicPartition) => `${topic}-${partition}`
const clusterOf = (list: readonly number[]) => ({ partitionsOf: (topic: string) => list[topics.indexOf(topic)] })

/** A group whose members all have the assignor and remember what they were given. */
class Group {
  readonly #make: () => Assignor
  readonly #cooperative: boolean
  readonly #assignors = new Map<string, Assignor>()
  #owned = new Map<string, readonly TopicPartition[]>()
  #ownedIn = new Map<string, number>()
  generation = 0

  constructor(make: () => Assignor) {
    this.#make = make
    this.#cooperative = make().protocols?.includes('cooperative') === true
  }

  get owned(): Division {
    return this.#owned
  }

  async round(members: Members, list: readonly number[]): Promise<Division> {
    this.generation++
    // Who leaves and comes back is somebody new.
    for (const id of this.#assignors.keys())
      if (!members.some(({ memberId }) => memberId === id)) this.#assignors.delete(id)
    const given: AssignorMember[] = members.map((member) => ({
      ...member,
      userData: this.#assignor(member.memberId).userData(),
      ownedPartitions: this.#cooperative ? (this.#owned.get(member.memberId) ?? []) : [],
      generation: this.#cooperative ? (this.#ownedIn.get(member.memberId) ?? -1) : -1,
    }))
    const division = await this.#assignor(members[0]!.memberId).assign(given, clusterOf(list))
    this.#owned = new Map([...division].map(([memberId, { partitions }]) => [memberId, partitions]))
    this.#ownedIn = new Map([...division.keys()].map((memberId) => [memberId, this.generation]))
    for (const [memberId, { partitions }] of division) {
      this.#assignor(memberId).onAssigned(null, partitions, this.generation)
    }
    return this.#owned
  }

  /** Rounds until nobody has to let go of anything: with cooperative members a second one gives out what changed hands. */
  async settle(members: Members, list: readonly number[]): Promise<Division> {
    let before = this.#owned
    for (let rounds = 0; rounds < 4; rounds++) {
      const after = await this.round(members, list)
      const letGo = members.some(({ memberId }) => {
        const kept = new Set(after.get(memberId)?.map(named))
        return (before.get(memberId) ?? []).some((at) => !kept.has(named(at)))
      })
      if (!letGo || !this.#cooperative) return after
      before = new Map(after)
    }
    throw new Error('the group does not settle')
  }

  #assignor(memberId: string): Assignor {
    const known = this.#assignors.get(memberId) ?? this.#make()
    this.#assignors.set(memberId, known)
    return known
  }
}

function expectWhole(division: Division, members: Members, list: readonly number[]): void {
  const owners = new Map<string, string>()
  for (const { memberId, topics: read } of members) {
    for (const at of division.get(memberId) ?? []) {
      expect(owners.get(named(at)), named(at)).toBeUndefined()
      expect(read).toContain(at.topic)
      owners.set(named(at), memberId)
    }
  }
  const all = topics.flatMap((topic, i) => (members.some((m) => m.topics.includes(topic)) ? list[i]! : 0))
  expect(owners.size).toBe(all.reduce((sum, n) => sum + n, 0))
}

/** The most even loads there are, largest first, by trying every way (small groups only): sums of squares decide. */
function leastSquares(members: Members, list: readonly number[]): number {
  const loads = new Map<string, number>() // loads of members, as text, after the topics so far
  loads.set(members.map(() => 0).join(), 0)
  let states = new Set([members.map(() => 0).join()])
  topics.forEach((topic, t) => {
    for (let p = 0; p < list[t]!; p++) {
      const next = new Set<string>()
      for (const state of states) {
        const now = state.split(',').map(Number)
        members.forEach((member, m) => {
          if (member.topics.includes(topic)) next.add(now.map((n, i) => (i === m ? n + 1 : n)).join())
        })
      }
      if (next.size > 0) states = next
    }
  })
  return Math.min(...[...states].map((state) => squares(state.split(',').map(Number))))
}

const squares = (loads: readonly number[]) => loads.reduce((sum, n) => sum + n * n, 0)
const loadsOf = (division: Division, members: Members) =>
  members.map(({ memberId }) => division.get(memberId)?.length ?? 0)

/** With equal readers: what nobody needs to give up is the floor each, and one more for as many as the remainder. */
function fewestMoves(before: Division, members: Members, list: readonly number[]): number {
  const exists = (at: TopicPartition) => at.partition < list[topics.indexOf(at.topic)]!
  const had = members.map(({ memberId }) => (before.get(memberId) ?? []).filter(exists).length).sort((a, b) => b - a)
  const total = list.reduce((sum, n) => sum + n, 0)
  const floor = Math.floor(total / members.length)
  const withOneMore = total % members.length
  return had.reduce((sum, n, i) => sum + Math.max(0, n - (i < withOneMore ? floor + 1 : floor)), 0)
}

function moves(before: Division, after: Division, members: Members, list: readonly number[]): number {
  let count = 0
  for (const { memberId } of members) {
    const kept = new Set(after.get(memberId)?.map(named))
    for (const at of before.get(memberId) ?? []) {
      if (at.partition < list[topics.indexOf(at.topic)]! && !kept.has(named(at))) count++
    }
  }
  return count
}

describe.each([
  ['cooperative-sticky', cooperativeStickyAssignor],
  ['sticky', stickyAssignor],
] as const)('assignor %s', (_name, make) => {
  it('gives every partition to one reader, as evenly as can be', async () => {
    const few = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 3 })
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(unlike, few), { minLength: 1, maxLength: 4 }), async (history) => {
        const group = new Group(make)
        for (const [members, list] of history) {
          const division = await group.settle(members, list)
          expectWhole(division, members, list)
          expect(squares(loadsOf(division, members))).toBe(leastSquares(members, list))
        }
      }),
      { numRuns: 60 },
    )
  })

  it('moves as few as evenness allows when all read the same', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(alike, counts), { minLength: 1, maxLength: 6 }), async (history) => {
        const group = new Group(make)
        for (const [members, list] of history) {
          const before = new Map(group.owned)
          const division = await group.settle(members, list)
          expectWhole(division, members, list)
          const loads = loadsOf(division, members)
          expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1)
          expect(moves(before, division, members, list)).toBe(fewestMoves(before, members, list))
        }
      }),
    )
  })

  it('moves nothing when nothing has changed', async () => {
    await fc.assert(
      fc.asyncProperty(unlike, counts, async (members, list) => {
        const group = new Group(make)
        const before = new Map([...(await group.settle(members, list))].map(([id, p]) => [id, p.map(named)]))
        const after = new Map(
          [...(await group.round([...members].reverse(), list))].map(([id, p]) => [id, p.map(named)]),
        )
        expect(after).toEqual(before)
      }),
    )
  })
})

describe('cooperative-sticky', () => {
  const claims = fc.array(fc.tuple(fc.constantFrom(...topics), fc.integer({ min: 0, max: 5 })), { maxLength: 8 })
  const claimants = ids.chain((list) =>
    fc.tuple(
      ...list.map((memberId) =>
        fc.record({
          memberId: fc.constant(memberId),
          topics: fc.constant(topics),
          owned: claims,
          generation: fc.integer({ min: -1, max: 3 }),
        }),
      ),
    ),
  )

  it('never gives out what another member may still read, whatever the members say', async () => {
    await fc.assert(
      fc.asyncProperty(claimants, counts, async (members, list) => {
        const given: AssignorMember[] = members.map(({ owned, ...member }) => ({
          ...member,
          userData: null,
          ownedPartitions: owned.map(([topic, partition]) => ({ topic, partition })),
        }))
        const division: ReadonlyMap<string, MemberAssignment> = await cooperativeStickyAssignor().assign(
          given,
          clusterOf(list),
        )
        const owners = new Set<string>()
        for (const [memberId, { partitions }] of division) {
          const own = given.find((member) => member.memberId === memberId)!
          for (const at of partitions) {
            expect(owners.has(named(at))).toBe(false)
            owners.add(named(at))
            const holds = (member: AssignorMember) => member.ownedPartitions.some((p) => named(p) === named(at))
            for (const other of given) {
              if (other === own || !holds(other)) continue
              // Only an older claim than its own is known to be void.
              expect(holds(own) && own.generation! > other.generation!, named(at)).toBe(true)
            }
          }
        }
      }),
    )
  })

  it('reads the generation of members that tell it in their user data alone', async () => {
    const old = (memberId: string, generation: number): AssignorMember => {
      const assignor = cooperativeStickyAssignor()
      assignor.onAssigned(null, [], generation)
      const userData: Buffer | null = assignor.userData()
      return { memberId, topics: ['a'], userData, ownedPartitions: [{ topic: 'a', partition: 0 }], generation: -1 }
    }
    const division = await cooperativeStickyAssignor().assign([old('x', 3), old('y', 7)], clusterOf([2, 0, 0]))
    expect(division.get('y')?.partitions).toEqual([{ topic: 'a', partition: 0 }])
    expect(division.get('x')?.partitions).toEqual([{ topic: 'a', partition: 1 }])
  })
})
