import { type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { align, type IsNear } from './rack-alignment.ts'
import type { Slot, Topic } from './sticky-slot.ts'

/** A member as the division sees it: what it reads, and what it says it had. */
export interface StickyMember {
  readonly memberId: string
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  /** Of the round that gave it `owned`; -1 unknown. */
  readonly generation: number
}

/**
 * Divides partitions so that nobody has two more than somebody who could take one of them, directly or by a chain of moves, and as
 * many as that allows stay where they were (KIP-54). Where all read the same topics, no other division as even moves fewer.
 *
 *   1. Who says it had a partition keeps it; of two that say so, the one of the later generation; of two of the same one, neither.
 *   2. What is left goes to whoever has least of those that read the topic, topics with few readers first.
 *   3. As long as there is a chain a → b → … → z of readers, each holding a partition of a topic that the next one reads, and a has
 *      two more than z, one partition moves along each link. Without such a chain the loads are as even as they can be.
 *   4. Where racks matter, partitions that nobody had yet change hands until nothing more comes nearer to its reader.
 *
 * @param isNear where racks matter
 */
export function divideSticky(
  members: readonly StickyMember[],
  partitionsOf: (topic: string) => number | undefined,
  isNear?: IsNear | undefined,
): Map<string, TopicPartition[]> {
  const names = [...new Set(members.flatMap((member) => member.topics))].sort()
  const indexes = new Map(names.map((name, i) => [name, i]))
  const slots = [...members].sort(byId).map((member) => slotOf(member, indexes))
  const topics = names.map((name, i): Topic => {
    const partitions = partitionsOf(name) ?? 0
    const subscribers = slots.filter((slot) => slot.subscribed.has(i))
    return { name, partitions, subscribers, before: new Array<Slot | undefined>(partitions) }
  })
  keep(members, slots, topics, indexes)
  deal(topics, isNear)
  even(slots, topics)
  if (isNear !== undefined) align(slots, topics, isNear)
  return new Map(slots.map((slot) => [slot.memberId, partitionsHeld(slot, topics)]))
}

/**
 * Takes out what somebody else still holds: it is given out in the next round, once that member has let go of it (KIP-429). So no
 * partition has two readers at any time.
 */
export function withoutForeign(
  division: ReadonlyMap<string, readonly TopicPartition[]>,
  members: readonly StickyMember[],
): Map<string, TopicPartition[]> {
  const claims = new TopicPartitionMap<StickyMember[]>()
  for (const member of members) {
    for (const { topic, partition } of member.owned) {
      const list = claims.get(topic, partition)
      if (list === undefined) claims.set(topic, partition, [member])
      else list.push(member)
    }
  }
  const isFree = (memberId: string, { topic, partition }: TopicPartition) => {
    const claimants = claims.get(topic, partition) ?? []
    const own = claimants.find((member) => member.memberId === memberId)
    return claimants.every((other) => other === own || (own !== undefined && own.generation > other.generation))
  }
  return new Map([...division].map(([memberId, list]) => [memberId, list.filter((at) => isFree(memberId, at))]))
}

function byId(a: StickyMember, b: StickyMember): number {
  return a.memberId < b.memberId ? -1 : 1
}

function slotOf({ memberId, topics, generation }: StickyMember, indexes: ReadonlyMap<string, number>): Slot {
  const subscribed = new Set(topics.map((name) => indexes.get(name) ?? -1))
  return { memberId, generation, subscribed, held: new Map(), load: 0 }
}

function keep(
  members: readonly StickyMember[],
  slots: readonly Slot[],
  topics: readonly Topic[],
  indexes: ReadonlyMap<string, number>,
): void {
  const byMember = new Map(slots.map((slot) => [slot.memberId, slot]))
  const disputed = new TopicPartitionMap<number>()
  for (const { memberId, owned } of members) {
    const slot = byMember.get(memberId)
    if (slot === undefined) continue
    for (const at of owned) {
      const topic = topics[indexes.get(at.topic) ?? -1]
      if (topic === undefined || at.partition >= topic.partitions) continue
      const other = topic.before[at.partition]
      if (other === slot) continue
      const highest = Math.max(other?.generation ?? -2, disputed.get(at.topic, at.partition) ?? -2)
      if (slot.generation > highest) topic.before[at.partition] = slot
      else if (slot.generation === highest) {
        disputed.set(at.topic, at.partition, highest)
        topic.before[at.partition] = undefined
      }
    }
  }
  topics.forEach((topic, i) => {
    topic.before.forEach((slot, partition) => {
      if (slot?.subscribed.has(i) === true) give(slot, i, partition)
    })
  })
}

function deal(topics: readonly Topic[], isNear: IsNear | undefined): void {
  const order = topics.map((_, i) => i)
  order.sort((a, b) => topics[a]!.subscribers.length - topics[b]!.subscribers.length || a - b)
  for (const i of order) {
    const { name, partitions, subscribers } = topics[i]!
    if (subscribers.length === 0) continue
    const taken = new Set(subscribers.flatMap((slot) => slot.held.get(i) ?? []))
    for (let partition = 0; partition < partitions; partition++) {
      if (taken.has(partition)) continue
      let least = subscribers[0]!
      for (const slot of subscribers) if (slot.load < least.load) least = slot
      if (isNear?.(least.memberId, name, partition) === false) {
        const near = subscribers.find(({ memberId, load }) => load === least.load && isNear(memberId, name, partition))
        least = near ?? least
      }
      give(least, i, partition)
    }
  }
}

function even(slots: readonly Slot[], topics: readonly Topic[]): void {
  for (let moved = true; moved; ) {
    moved = false
    const stuck = new Set<Slot>()
    for (let slot = fullest(slots, stuck); slot !== undefined; slot = fullest(slots, stuck)) {
      const chain = chainFrom(slot, topics, Math.min(...slots.map(({ load }) => load)))
      if (chain === undefined) stuck.add(slot)
      else moved = true
      for (const { from, to, topic } of chain ?? []) move(from, to, topic, topics[topic]!)
    }
  }
}

/** Always from whoever has most, one at a time: so nobody gives up one more than it must. */
function fullest(slots: readonly Slot[], stuck: ReadonlySet<Slot>): Slot | undefined {
  let most: Slot | undefined
  for (const slot of slots) if (slot.load > (most?.load ?? 1) && !stuck.has(slot)) most = slot
  return most
}

interface Link {
  readonly from: Slot
  readonly to: Slot
  readonly topic: number
}

/** The links to whoever has least of all that can be reached, if that is two less than the first has. */
function chainFrom(first: Slot, topics: readonly Topic[], floor: number): Link[] | undefined {
  const reached = new Map<Slot, Link | undefined>([[first, undefined]])
  const seen = new Set<number>()
  let least = first
  for (const slot of reached.keys()) {
    for (const topic of slot.held.keys()) {
      if (least.load === floor) break // nobody has less
      if (seen.has(topic)) continue
      seen.add(topic)
      for (const to of topics[topic]!.subscribers) {
        if (reached.has(to)) continue
        reached.set(to, { from: slot, to, topic })
        if (to.load < least.load) least = to
      }
    }
  }
  if (least.load > first.load - 2) return undefined
  const chain: Link[] = []
  for (let link = reached.get(least); link !== undefined; link = reached.get(link.from)) chain.push(link)
  return chain
}

/** Best what the receiver had before, else what the giver has only just got. */
function move(from: Slot, to: Slot, index: number, { before }: Topic): void {
  const list = from.held.get(index)!
  let at = list.findIndex((partition) => before[partition] === to)
  if (at < 0) at = list.findIndex((partition) => before[partition] !== from)
  const [partition] = list.splice(at, 1) // -1: the last
  if (list.length === 0) from.held.delete(index)
  from.load--
  give(to, index, partition!)
}

function give(slot: Slot, topic: number, partition: number): void {
  const list = slot.held.get(topic)
  if (list === undefined) slot.held.set(topic, [partition])
  else list.push(partition)
  slot.load++
}

function partitionsHeld(slot: Slot, topics: readonly Topic[]): TopicPartition[] {
  return [...slot.held]
    .sort(([a], [b]) => a - b)
    .flatMap(([i, list]) => list.sort((a, b) => a - b).map((partition) => ({ topic: topics[i]!.name, partition })))
}
