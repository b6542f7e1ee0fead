import { Buffer } from 'node:buffer'
import { ByteReader, ByteWriter, kafkaError } from '@millrace/kernel'
import type { RestoredGroup } from './classic-group.ts'
import type { CommittedOffset } from './committed-offset.ts'

/**
 * Records of `__consumer_offsets`. Strings are `length int16 (-1: null) ‖ UTF-8`, bytes `length int32 ‖ bytes`.
 * Source: Apache Kafka, group-coordinator/src/main/resources/common/message (Offset-, GroupMetadata- Key and Value).
 *
 *   key    1 int16 | group | topic | partition int32                                       an offset (0 is the same)
 *   value  3 int16 | offset int64 | leaderEpoch int32 | metadata | commitTimestamp int64
 *   value  1 int16 | offset int64 | metadata | commitTimestamp int64 | expireTimestamp int64   one with a time of its own
 *   key    2 int16 | group                                                                 a group
 *   value  3 int16 | protocolType | generation int32 | protocol? | leader? | stateTimestamp int64
 *          | members int32 × { memberId | instanceId? | clientId | clientHost | rebalanceTimeout int32
 *                              | sessionTimeout int32 | subscription bytes | assignment bytes }
 *
 * A null value takes the record away. Other keys belong to newer kinds of groups and are left alone.
 */
const keyVersion = { oldOffset: 0, offset: 1, group: 2 } as const
const valueVersion = 3
/** The one that has a place for when it expires. */
const expiringVersion = 1

export type OffsetsKey =
  | { readonly kind: 'offset'; readonly groupId: string; readonly topic: string; readonly partition: number }
  | { readonly kind: 'group'; readonly groupId: string }
  | { readonly kind: 'other'; readonly version: number }

export function encodeOffsetKey(groupId: string, topic: string, partition: number): Buffer {
  const out = new ByteWriter(64).int16(keyVersion.offset)
  string(out, groupId)
  string(out, topic)
  return out.int32(partition).take()
}

export function encodeGroupKey(groupId: string): Buffer {
  const out = new ByteWriter(64).int16(keyVersion.group)
  string(out, groupId)
  return out.take()
}

export function decodeOffsetsKey(bytes: Buffer): OffsetsKey {
  const reader = new ByteReader(bytes)
  const version = reader.int16()
  if (version === keyVersion.group) return { kind: 'group', groupId: readString(reader) }
  if (version !== keyVersion.oldOffset && version !== keyVersion.offset) return { kind: 'other', version }
  const groupId = readString(reader)
  const topic = readString(reader)
  return { kind: 'offset', groupId, topic, partition: reader.int32() }
}

export function encodeOffset(value: CommittedOffset): Buffer {
  const { expiresAtMs } = value
  const out = new ByteWriter(64).int16(expiresAtMs === undefined ? valueVersion : expiringVersion).int64(value.offset)
  if (expiresAtMs === undefined) out.int32(value.leaderEpoch)
  string(out, value.metadata)
  out.int64(value.committedAtMs)
  return expiresAtMs === undefined ? out.take() : out.int64(expiresAtMs).take()
}

/** Versions 0 to 4. @throws CORRUPT_MESSAGE for another one. */
export function decodeOffset(bytes: Buffer): CommittedOffset {
  const reader = new ByteReader(bytes)
  const version = reader.int16()
  if (version < 0 || version > 4) throw kafkaError('CORRUPT_MESSAGE', 'offset record', `Its version is ${version}.`)
  const compact = version >= 4
  const offset = reader.int64()
  const leaderEpoch = version >= 3 ? reader.int32() : -1
  const metadata = compact ? readCompactString(reader) : readString(reader)
  const value = { offset, leaderEpoch, metadata, committedAtMs: reader.int64() }
  const expiresAtMs = version === expiringVersion ? reader.int64() : -1
  return expiresAtMs < 0 ? value : { ...value, expiresAtMs }
}

export function encodeGroup(group: RestoredGroup): Buffer {
  const out = new ByteWriter(256).int16(valueVersion)
  string(out, group.protocolType)
  out.int32(group.generation)
  string(out, group.protocol)
  string(out, group.leader)
  out.int64(group.stateSinceMs).int32(group.members.length)
  for (const { memberId, profile, assignment } of group.members) {
    string(out, memberId)
    string(out, profile.groupInstanceId)
    string(out, profile.clientId)
    string(out, profile.clientHost)
    out.int32(profile.rebalanceTimeoutMs).int32(profile.sessionTimeoutMs)
    const subscription = profile.protocols.find(({ name }) => name === group.protocol)?.metadata
    out.int32(subscription?.length ?? 0)
    if (subscription !== undefined) out.raw(subscription)
    out.int32(assignment.length).raw(assignment)
  }
  return out.take()
}

/** Versions 0 to 3. What it returns holds copies, none of `bytes`. @throws CORRUPT_MESSAGE for another one. */
export function decodeGroup(bytes: Buffer): RestoredGroup {
  const reader = new ByteReader(bytes)
  const version = reader.int16()
  if (version < 0 || version > 3) throw kafkaError('CORRUPT_MESSAGE', 'group record', `Its version is ${version}.`)
  const protocolType = readString(reader)
  const generation = reader.int32()
  const protocol = readNullableString(reader)
  const leader = readNullableString(reader)
  const stateSinceMs = version >= 2 ? reader.int64() : -1
  const members: RestoredGroup['members'][number][] = []
  for (let left = reader.int32(); left > 0; left--) members.push(readMember(reader, version, protocol))
  return { protocolType, generation, protocol, leader, stateSinceMs, members }
}

function readMember(reader: ByteReader, version: number, protocol: string | null): RestoredGroup['members'][number] {
  const memberId = readString(reader)
  const groupInstanceId = version >= 3 ? readNullableString(reader) : null
  const clientId = readString(reader)
  const clientHost = readString(reader)
  const rebalanceTimeoutMs = version >= 1 ? reader.int32() : -1
  const sessionTimeoutMs = reader.int32()
  const metadata = readBytes(reader)
  const assignment = readBytes(reader)
  return {
    memberId,
    profile: {
      groupInstanceId,
      clientId,
      clientHost,
      rebalanceTimeoutMs: rebalanceTimeoutMs < 0 ? sessionTimeoutMs : rebalanceTimeoutMs,
      sessionTimeoutMs,
      protocols: protocol === null ? [] : [{ name: protocol, metadata }],
    },
    assignment,
  }
}

function string(out: ByteWriter, text: string | null): void {
  if (text === null) {
    out.int16(-1)
    return
  }
  const at = out.reserve(2)
  out.utf8(text)
  out.bytes.writeInt16BE(out.position - at - 2, at)
}

function readNullableString(reader: ByteReader): string | null {
  const size = reader.int16()
  return size < 0 ? null : reader.utf8(size)
}

function readString(reader: ByteReader): string {
  return readNullableString(reader) ?? ''
}

function readCompactString(reader: ByteReader): string {
  const size = reader.uvarint()
  return size === 0 ? '' : reader.utf8(size - 1)
}

function readBytes(reader: ByteReader): Buffer {
  const size = reader.int32()
  const copy = Buffer.alloc(Math.max(size, 0))
  if (size > 0) reader.slice(size).copy(copy)
  return copy
}
