import type { Buffer } from 'node:buffer'
import { ByteReader, ByteWriter, type TopicPartition } from '@millrace/kernel'
import type { Assignor, AssignorCluster, AssignorMember, MemberAssignment } from '../consumer.ts'
import { readPartitions, writePartitions } from './consumer-protocol.ts'
import { isRackAware, rackByMember, racksOf } from './member-racks.ts'
import type { IsNear } from './rack-alignment.ts'
import { divideSticky, type StickyMember, withoutForeign } from './sticky-division.ts'

/**
 * Kafka's `cooperative-sticky` (KIP-429): even, moves as little as that allows, and a member keeps reading what stays with it while the
 * group rebalances. What changes hands takes two rounds: the first has its owner let go of it, the second gives it to the next one.
 * Divides one group together with members of Java's clients and of librdkafka that have the same assignor.
 *
 * For one consumer: it remembers the generation it is in.
 */
export function cooperativeStickyAssignor(): Assignor {
  let generation = -1
  return {
    name: 'cooperative-sticky',
    protocols: ['cooperative', 'eager'],
    // Java's CooperativeStickyAssignor, for members that speak a subscription older than version 2: generation int32.
    userData: () => new ByteWriter(4).int32(generation).take(),
    assign(members, cluster) {
      const sticky = members.map((member) => stickyMember(member, member.ownedPartitions, generationIn))
      const division = divideSticky(sticky, cluster.partitionsOf, nearness(members, cluster))
      return assignments(withoutForeign(division, sticky))
    },
    onAssigned(_userData, _partitions, given) {
      generation = given
    },
  }
}

/**
 * Kafka's `sticky` (KIP-54): the same division, for groups whose members all give up everything before each round. What a member had
 * travels in its user data.
 *
 * For one consumer: it remembers what it was given.
 */
export function stickyAssignor(): Assignor {
  let had: Had | undefined
  return {
    name: 'sticky',
    userData: () => (had === undefined ? null : encodeHad(had)),
    assign(members, cluster) {
      const sticky = members.map((member) => {
        const { partitions, generation } = decodeHad(member.userData)
        return stickyMember(member, partitions, () => generation)
      })
      return assignments(divideSticky(sticky, cluster.partitionsOf, nearness(members, cluster)))
    },
    onAssigned(_userData, partitions, generation) {
      had = { partitions: [...partitions], generation }
    },
  }
}

function stickyMember(
  member: AssignorMember,
  owned: readonly TopicPartition[],
  generationOf: (member: AssignorMember) => number,
): StickyMember {
  return { memberId: member.memberId, topics: member.topics, owned, generation: generationOf(member) }
}

function assignments(division: ReadonlyMap<string, TopicPartition[]>): Map<string, MemberAssignment> {
  return new Map([...division].map(([memberId, partitions]) => [memberId, { partitions, userData: null }]))
}

/** Who is in the rack of what; undefined where that makes no difference. */
function nearness(members: readonly AssignorMember[], cluster: AssignorCluster): IsNear | undefined {
  const racks = rackByMember(members)
  if (racks.size === 0) return undefined
  const topics = new Set(members.flatMap((member) => member.topics))
  const partitions = [...topics].flatMap((topic) =>
    Array.from({ length: cluster.partitionsOf(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
  )
  const held = racksOf(cluster, partitions)
  if (!isRackAware(racks.values(), held.values())) return undefined
  return (memberId, topic, partition) => {
    const rack = racks.get(memberId)
    return rack === undefined || held.get(topic, partition)?.has(rack) === true
  }
}

function generationIn({ generation, userData }: AssignorMember): number {
  if (generation !== undefined && generation >= 0) return generation
  return userData?.length === 4 ? userData.readInt32BE(0) : -1
}

interface Had {
  readonly partitions: readonly TopicPartition[]
  readonly generation: number
}

/**
 * Java's StickyAssignor, user data version 1:
 *
 *   [{ topic string, partitions [int32] }], generation int32 (version 0 ends before it)
 */
function encodeHad({ partitions, generation }: Had): Buffer {
  const out = new ByteWriter(256)
  writePartitions(out, partitions)
  return out.int32(generation).take()
}

/** Who sends what cannot be read had nothing. */
function decodeHad(userData: Buffer | null): Had {
  if (userData === null || userData.length === 0) return nothing
  try {
    const reader = new ByteReader(userData)
    const partitions = readPartitions(reader)
    return { partitions, generation: reader.remaining >= 4 ? reader.int32() : -1 }
  } catch (error) {
    if (error instanceof RangeError) return nothing
    throw error
  }
}

const nothing: Had = { partitions: [], generation: -1 }
