import { type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { AssignorCluster, AssignorMember } from '../consumer.ts'

/** The racks that hold each of some partitions. */
export function racksOf(
  cluster: AssignorCluster,
  partitions: Iterable<TopicPartition>,
): TopicPartitionMap<ReadonlySet<string>> {
  const racks = new TopicPartitionMap<ReadonlySet<string>>()
  for (const { topic, partition } of partitions) {
    racks.set(topic, partition, new Set(cluster.racksOf?.(topic, partition)))
  }
  return racks
}

/** By member; those that do not say where they are, are left out. */
export function rackByMember(members: readonly AssignorMember[]): Map<string, string> {
  const racks = new Map<string, string>()
  for (const { memberId, rackId } of members) {
    if (rackId !== undefined && rackId !== null && rackId !== '') racks.set(memberId, rackId)
  }
  return racks
}

/**
 * Whether it matters who reads what (KIP-881): some member is in a rack that holds some partition, and not every partition is in all the
 * racks that hold any.
 */
export function isRackAware(members: Iterable<string>, partitions: Iterable<ReadonlySet<string>>): boolean {
  const held = [...partitions]
  const all = new Set(held.flatMap((racks) => [...racks]))
  if (![...members].some((rack) => all.has(rack))) return false
  return held.some(({ size }) => size < all.size)
}
