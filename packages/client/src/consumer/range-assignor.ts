import type { TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { Assignor } from '../consumer.ts'
import { assignor, emptyAssignments, subscribersByTopic } from './assignors.ts'
import { isRackAware, rackByMember, racksOf } from './member-racks.ts'

type Given = Map<string, TopicPartition[]>

/**
 * Kafka's `range`: of each topic every member gets a run of neighbouring partitions, the first members one more where it does not
 * divide. Topics with equal counts and equal subscribers are divided alike, so joins find their partners on one member.
 *
 * Where members say where they are (`rackId`) and partitions lie in some racks only, a member gets what lies in its rack first, as far as
 * that leaves the counts, and partners together: as Java's (KIP-881).
 */
export function rangeAssignor(): Assignor {
  return assignor('range', (members, cluster) => {
    const given: Given = emptyAssignments(members)
    const racks = rackByMember(members)
    const shares: TopicShare[] = []
    for (const [topic, subscribers] of subscribersByTopic(members)) {
      const count = cluster.partitionsOf(topic) ?? 0
      const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }))
      const hasRacks = subscribers.some((memberId) => racks.has(memberId))
      const held = hasRacks ? racksOf(cluster, partitions) : undefined
      if (count > 0) shares.push(new TopicShare(topic, partitions, subscribers, racks, held, given))
    }
    const isAware = shares.some((share) => share.isRackAware)
    if (isAware) divideByRack(shares)
    for (const share of shares) share.giveRanges(() => true)
    if (isAware) for (const list of given.values()) list.sort(byPlace)
    return given
  })
}

/** One topic among its subscribers. */
class TopicShare {
  readonly topic: string
  readonly count: number
  readonly isRackAware: boolean
  readonly subscribers: readonly string[]
  /** Of the subscribers, with their racks, and the count, where racks play a part: topics of one are divided alike. */
  readonly kind: string
  readonly #racks: ReadonlyMap<string, string>
  readonly #held: TopicPartitionMap<ReadonlySet<string>> | undefined
  readonly #given: Given
  readonly #taken = new Map<string, number>()
  readonly #left: Set<number>
  readonly #least: number
  /** How many more subscribers may get one more than the least. */
  #withOneMore: number

  constructor(
    topic: string,
    partitions: readonly TopicPartition[],
    subscribers: readonly string[],
    racks: ReadonlyMap<string, string>,
    held: TopicPartitionMap<ReadonlySet<string>> | undefined,
    given: Given,
  ) {
    this.topic = topic
    this.count = held === undefined ? 0 : partitions.length
    this.subscribers = subscribers
    this.#racks = racks
    this.#held = held
    this.#given = given
    this.#left = new Set(partitions.keys())
    this.#least = Math.floor(partitions.length / subscribers.length)
    this.#withOneMore = partitions.length % subscribers.length
    this.kind = JSON.stringify([this.count, ...[...subscribers].sort()])
    const own = subscribers.flatMap((memberId) => racks.get(memberId) ?? [])
    this.isRackAware = held !== undefined && isRackAware(own, held.values())
  }

  /** A member without a rack may read anything. */
  isNear(memberId: string, { topic, partition }: TopicPartition): boolean {
    const rack = this.#racks.get(memberId)
    return rack === undefined || this.#held?.get(topic, partition)?.has(rack) === true
  }

  /** How many more a subscriber may get. */
  roomOf(memberId: string): number {
    const most = this.#least + (this.#withOneMore > 0 ? 1 : 0)
    return Math.max(0, most - (this.#taken.get(memberId) ?? 0))
  }

  /** To each subscriber in turn what it may have and has room for. */
  giveRanges(may: (memberId: string, at: TopicPartition) => boolean): void {
    for (const memberId of this.subscribers) {
      const room = this.roomOf(memberId)
      const mine: TopicPartition[] = []
      for (const partition of this.#left) {
        if (mine.length >= room) break
        const at = { topic: this.topic, partition }
        if (may(memberId, at)) mine.push(at)
      }
      if (mine.length > 0) this.give(memberId, mine)
    }
  }

  give(memberId: string, partitions: readonly TopicPartition[]): void {
    this.#given.get(memberId)?.push(...partitions)
    const taken = (this.#taken.get(memberId) ?? 0) + partitions.length
    this.#taken.set(memberId, taken)
    if (taken > this.#least) this.#withOneMore--
    for (const { partition } of partitions) this.#left.delete(partition)
  }
}

/** What can be read in the reader's own rack. */
function divideByRack(shares: readonly TopicShare[]): void {
  const alike = new Map<string, TopicShare[]>()
  for (const share of shares) {
    const group = alike.get(share.kind)
    if (group === undefined) alike.set(share.kind, [share])
    else group.push(share)
  }
  for (const group of alike.values()) {
    const [first] = group
    if (first === undefined) continue
    if (group.length > 1) divideTogether(group, first)
    else if (first.isRackAware) first.giveRanges((memberId, at) => first.isNear(memberId, at))
  }
}

/** Partitions of one number go to one member, one that has all of them near and room for them. */
function divideTogether(group: readonly TopicShare[], { count, subscribers }: TopicShare): void {
  for (let partition = 0; partition < count; partition++) {
    const isFit = (memberId: string) =>
      group.every((share) => share.roomOf(memberId) > 0 && share.isNear(memberId, { topic: share.topic, partition }))
    const reader = subscribers.find(isFit)
    if (reader !== undefined) for (const share of group) share.give(reader, [{ topic: share.topic, partition }])
  }
}

function byPlace(a: TopicPartition, b: TopicPartition): number {
  if (a.topic === b.topic) return a.partition - b.partition
  return a.topic < b.topic ? -1 : 1
}
