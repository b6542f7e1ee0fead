import { Buffer } from 'node:buffer'
import { ByteReader, ByteWriter } from '@millrace/kernel'

/** Times that must survive a restart, so that a record which was late stays late. */
export interface StreamTimes {
  /** The latest timestamp read from the partition; -1 before the first. */
  readonly partitionTimeMs: number
  /** The latest timestamp that reached each windowed step, by node. */
  readonly nodeTimesMs: ReadonlyMap<string, number>
}

const MAGIC = 2

/**
 * What goes into a committed offset's metadata, Base64, laid out as Kafka Streams does (TopicPartitionMetadata, version
 * 2):
 *
 *   magic int8 = 2 | partitionTime int64 | count int32 | { nameBytes int32 | name | time int64 } …
 */
export function encodeStreamTimes({ partitionTimeMs, nodeTimesMs }: StreamTimes): string {
  const out = new ByteWriter(64).int8(MAGIC).int64(partitionTimeMs).int32(nodeTimesMs.size)
  for (const [name, timeMs] of nodeTimesMs) {
    const text = Buffer.from(name)
    out.int32(text.length).raw(text).int64(timeMs)
  }
  return out.take().toString('base64')
}

/** What is no such metadata (written by somebody else, or empty) tells nothing, and is not an error. */
export function decodeStreamTimes(metadata: string): StreamTimes {
  const nodeTimesMs = new Map<string, number>()
  const unknown = { partitionTimeMs: -1, nodeTimesMs }
  const bytes = Buffer.from(metadata, 'base64')
  if (bytes.length < 9 || bytes[0] !== MAGIC) return unknown
  try {
    const reader = new ByteReader(bytes, 1)
    const partitionTimeMs = reader.int64()
    const count = reader.remaining >= 4 ? reader.int32() : 0
    for (let i = 0; i < count; i++) nodeTimesMs.set(reader.utf8(reader.int32()), reader.int64())
    return { partitionTimeMs, nodeTimesMs }
  } catch {
    return unknown
  }
}
