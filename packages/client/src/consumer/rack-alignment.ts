import type { Slot, Topic } from './sticky-slot.ts'

/** Whether a member may read a partition in its own rack; a member without a rack may read anything. */
export type IsNear = (memberId: string, topic: string, partition: number) => boolean

type Near = (slot: Slot, topic: number, partition: number) => boolean

interface Held {
  readonly topic: number
  readonly partition: number
}

/** What a member gives away in return for a partition. */
interface Swap extends Held {
  readonly gain: number
}

/**
 * Brings partitions to readers in their own rack (KIP-881), as far as the loads stay as even as they are: a partition goes from whoever
 * would read it from afar to somebody near who has less, or who gives another for it, if then more is read nearby.
 *
 * Only what a member has just been given goes on: nobody lets go of what it reads already for the sake of its rack. So a group settles in
 * the rounds that it takes without racks; Java's assignor would have it let go.
 */
export function align(slots: readonly Slot[], topics: readonly Topic[], isNear: IsNear): void {
  const near = (slot: Slot, topic: number, partition: number) => isNear(slot.memberId, topics[topic]!.name, partition)
  for (let moved = true; moved; ) {
    moved = false
    // Between two members that have changed nothing there is nothing more to find.
    const barren = new Map<Slot, Set<Slot>>()
    for (const from of slots) {
      const afar = [...from.held].flatMap(([topic, list]) =>
        list
          .filter((partition) => isFresh(from, topics[topic]!, partition) && !near(from, topic, partition))
          .map((partition) => ({ topic, partition })),
      )
      for (const at of afar) {
        if (!bringNearer(from, at, topics, near, barren)) continue
        barren.clear()
        moved = true
      }
    }
  }
}

/** Returns whether somebody else has it now. */
function bringNearer(
  from: Slot,
  { topic, partition }: Held,
  topics: readonly Topic[],
  near: Near,
  barren: Map<Slot, Set<Slot>>,
): boolean {
  for (const to of topics[topic]!.subscribers) {
    if (to === from || !near(to, topic, partition) || barren.get(from)?.has(to) === true) continue
    const swap = to.load < from.load ? undefined : bestSwap(from, to, topics, near)
    if (swap !== undefined || to.load < from.load) {
      hand(from, to, topic, partition)
      if (swap !== undefined) hand(to, from, swap.topic, swap.partition)
      return true
    }
    barren.set(from, (barren.get(from) ?? new Set()).add(to))
  }
  return false
}

/** It is not what the member read before. */
function isFresh(slot: Slot, { before }: Topic, partition: number): boolean {
  return before[partition] !== slot
}

function bestSwap(from: Slot, to: Slot, topics: readonly Topic[], near: Near): Swap | undefined {
  let best: Swap | undefined
  for (const [topic, list] of to.held) {
    if (!from.subscribed.has(topic)) continue
    for (const partition of list) {
      if (!isFresh(to, topics[topic]!, partition)) continue
      const nearer = Number(near(from, topic, partition)) - Number(near(to, topic, partition))
      if (nearer < 0) continue
      // Of equals the one that comes back to who had it.
      const gain = 2 * nearer + Number(topics[topic]!.before[partition] === from)
      if (gain > (best?.gain ?? -1)) best = { topic, partition, gain }
    }
  }
  return best
}

function hand(from: Slot, to: Slot, topic: number, partition: number): void {
  const list = from.held.get(topic)!
  list.splice(list.indexOf(partition), 1)
  if (list.length === 0) from.held.delete(topic)
  from.load--
  const theirs = to.held.get(topic)
  if (theirs === undefined) to.held.set(topic, [partition])
  else theirs.push(partition)
  to.load++
}
