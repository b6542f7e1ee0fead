import type { Client } from '@millrace/client'
import type { TopicPartition } from '@millrace/kernel'
import { BatchCursor } from '@millrace/record/internal'

/**
 * Reads a small topic from its beginning to its present end; `visit` gets each key and value as text, null for a
 * tombstone.
 */
export async function readTopic(
  client: Client,
  topic: string,
  visit: (key: string, value: string | null) => void,
): Promise<void> {
  const partitions = await partitionsOf(client, topic)
  if (partitions.length === 0) return
  const consumer = client.consumer({ autoOffsetReset: 'earliest', isolation: 'read_committed' })
  try {
    consumer.assign(partitions)
    await consumer.seekToBeginning(partitions)
    const ends = await consumer.endOffsets(partitions)
    const cursor = new BatchCursor()
    const behind = (place: TopicPartition) => {
      const end = ends.get(place.topic, place.partition) ?? 0
      return end > 0 && (consumer.position(place) ?? 0) < end
    }
    while (partitions.some(behind)) {
      for (const { batch, from } of await consumer.poll({ timeoutMs: 1000 })) {
        cursor.open(batch)
        while (cursor.next()) {
          if (cursor.offset < from || cursor.keyFrom < 0) continue
          const { bytes } = cursor
          const value = cursor.valueFrom < 0 ? null : bytes.utf8Slice(cursor.valueFrom, cursor.valueTo)
          visit(bytes.utf8Slice(cursor.keyFrom, cursor.keyTo), value)
        }
      }
    }
  } finally {
    await consumer.close()
  }
}

async function partitionsOf(client: Client, topic: string): Promise<readonly TopicPartition[]> {
  const admin = client.admin()
  try {
    const found = await admin.describeTopics([topic])
    return found.flatMap(({ name, partitions }) => partitions.map(({ partition }) => ({ topic: name, partition })))
  } finally {
    await admin.close()
  }
}

/** Makes a compacted topic where it is missing. Kept for ever: its records are state. */
export async function ensureCompacted(client: Client, topic: string, partitions: number): Promise<void> {
  const admin = client.admin()
  try {
    await admin.createTopics([{ name: topic, partitions, configs: { 'cleanup.policy': 'compact' } }])
  } finally {
    await admin.close()
  }
}
