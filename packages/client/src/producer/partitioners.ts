import { partitionOfKey } from '@millrace/kernel'
import type { Partitioner } from '../producer.ts'

/** Each record to the next partition of its topic, whatever its key. */
export function roundRobinPartitioner(): Partitioner {
  const next = new Map<string, number>()
  return (topic, _key, partitions) => {
    const at = next.get(topic) ?? 0
    next.set(topic, at + 1)
    return at % partitions
  }
}

/**
 * Murmur2 of the key, as Java's clients; a record without a key goes to partition 0. For a topic whose records all have
 * keys.
 */
export const keyPartitioner: Partitioner = (_topic, key, partitions) =>
  key === null ? 0 : partitionOfKey(key, partitions)
