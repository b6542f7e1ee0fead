import { Buffer } from 'node:buffer'
import { ByteReader, ByteWriter, kafkaError, type TopicPartition } from '@millrace/kernel'
import type { MemberAssignment } from '../consumer.ts'

/**
 * What members of a consumer group tell one another through the coordinator, which does not look inside.
 * Source: Apache Kafka, ConsumerProtocolSubscription.json and ConsumerProtocolAssignment.json, versions 0 to 3. Never flexible.
 *
 *   Subscription = version int16, topics [string], userData bytes?,
 *                  v1+: owned [{ topic string, partitions [int32] }], v2+: generation int32, v3+: rack string?
 *   Assignment   = version int16, assigned [{ topic string, partitions [int32] }], userData bytes?
 *
 * A reader takes what it knows and ignores what a newer version appends.
 */
export interface Subscription {
  readonly topics: readonly string[]
  readonly userData: Buffer | null
  readonly ownedPartitions: readonly TopicPartition[]
  /** Of the assignment in `ownedPartitions`; -1 unknown. */
  readonly generation: number
  readonly rackId: string | null
}

const version = 3

export function encodeSubscription(subscription: Subscription): Buffer {
  const out = new ByteWriter(256)
  out.int16(version).int32(subscription.topics.length)
  for (const topic of subscription.topics) writeString(out, topic)
  writeBytes(out, subscription.userData)
  writePartitions(out, subscription.ownedPartitions)
  out.int32(subscription.generation)
  if (subscription.rackId === null) out.int16(-1)
  else writeString(out, subscription.rackId)
  return out.take()
}

/** @throws CORRUPT_MESSAGE when the bytes end early. */
export function decodeSubscription(bytes: Buffer): Subscription {
  return reading('the subscription of a group member', bytes, (reader) => {
    const given = reader.int16()
    const topics = readArray(reader, () => readString(reader))
    return {
      topics,
      userData: readBytes(reader),
      ownedPartitions: given >= 1 ? readPartitions(reader) : [],
      generation: given >= 2 ? reader.int32() : -1,
      rackId: given >= 3 ? readNullableString(reader) : null,
    }
  })
}

export function encodeAssignment(assignment: MemberAssignment): Buffer {
  const out = new ByteWriter(256)
  out.int16(version)
  writePartitions(out, assignment.partitions)
  writeBytes(out, assignment.userData)
  return out.take()
}

/**
 * No bytes at all mean no partitions: a coordinator answers so to a member its leader forgot.
 *
 * @throws CORRUPT_MESSAGE when they end early.
 */
export function decodeAssignment(bytes: Buffer): MemberAssignment {
  if (bytes.length === 0) return { partitions: [], userData: null }
  return reading('the assignment of a group member', bytes, (reader) => {
    reader.int16()
    const partitions = readPartitions(reader)
    return { partitions, userData: readBytes(reader) }
  })
}

function reading<T>(place: string, bytes: Buffer, read: (reader: ByteReader) => T): T {
  try {
    return read(new ByteReader(bytes))
  } catch (error) {
    if (error instanceof RangeError) throw kafkaError('CORRUPT_MESSAGE', place, undefined, error)
    throw error
  }
}

function writeString(out: ByteWriter, text: string): void {
  const bytes = Buffer.from(text)
  out.int16(bytes.length).raw(bytes)
}

function writeBytes(out: ByteWriter, bytes: Buffer | null): void {
  if (bytes === null) out.int32(-1)
  else out.int32(bytes.length).raw(bytes)
}

/** Grouped by topic, in the order given. */
export function writePartitions(out: ByteWriter, partitions: readonly TopicPartition[]): void {
  const byTopic = new Map<string, number[]>()
  for (const { topic, partition } of partitions) {
    const list = byTopic.get(topic)
    if (list === undefined) byTopic.set(topic, [partition])
    else list.push(partition)
  }
  out.int32(byTopic.size)
  for (const [topic, list] of byTopic) {
    writeString(out, topic)
    out.int32(list.length)
    for (const partition of list) out.int32(partition)
  }
}

function readArray<T>(reader: ByteReader, item: () => T): T[] {
  const count = reader.int32()
  const items: T[] = []
  for (let i = 0; i < count; i++) items.push(item())
  return items
}

function readString(reader: ByteReader): string {
  return reader.utf8(reader.int16())
}

function readNullableString(reader: ByteReader): string | null {
  const size = reader.int16()
  return size < 0 ? null : reader.utf8(size)
}

function readBytes(reader: ByteReader): Buffer | null {
  const size = reader.int32()
  return size < 0 ? null : Buffer.from(reader.slice(size)) // a copy: outlives the answer it came in
}

/** @throws RangeError when the bytes end early. */
export function readPartitions(reader: ByteReader): TopicPartition[] {
  return readArray(reader, () => {
    const topic = readString(reader)
    return readArray(reader, () => ({ topic, partition: reader.int32() }))
  }).flat()
}
