import { Buffer } from 'node:buffer'
import { ByteReader, ByteWriter } from '@millrace/kernel'
import type { Assignment } from './assigner.ts'

export interface ISerializer<T> {
  encode(value: T): Buffer
  decode(buffer: Buffer): T | null
}

export interface MemberMetadata {
  version: number
  topics: string[]
  userData: Buffer
}

export interface MemberAssignment {
  version: number
  assignment: Assignment
  userData: Buffer
}

const noBytes = Buffer.alloc(0)

/**
 * What members of a group tell one another, in version 0 of Kafka's consumer protocol; what later versions append is left
 * unread.
 *
 *   metadata   = version int16 | topics [string] | userData bytes
 *   assignment = version int16 | assigned [{ topic string, partitions [int32] }] | userData bytes
 */
export const AssignerProtocol: {
  readonly MemberMetadata: {
    encode(metadata: { version: number; topics: string[]; userData?: Buffer }): Buffer
    decode(buffer: Buffer): MemberMetadata
  }
  readonly MemberAssignment: {
    encode(assignment: { version: number; assignment: Assignment; userData?: Buffer }): Buffer
    /** null for no bytes at all: no partitions. */
    decode(buffer: Buffer): MemberAssignment | null
  }
} = {
  MemberMetadata: {
    encode: ({ version, topics, userData = noBytes }) => {
      const out = new ByteWriter(128)
      out.int16(version).int32(topics.length)
      for (const topic of topics) writeString(out, topic)
      return writeBytes(out, userData).take()
    },
    decode: (buffer) => {
      const reader = new ByteReader(buffer)
      return {
        version: reader.int16(),
        topics: readArray(reader, () => readString(reader)),
        userData: readBytes(reader),
      }
    },
  },
  MemberAssignment: {
    encode: ({ version, assignment, userData = noBytes }) => {
      const out = new ByteWriter(128)
      const topics = Object.entries(assignment)
      out.int16(version).int32(topics.length)
      for (const [topic, partitions] of topics) {
        writeString(out, topic)
        out.int32(partitions.length)
        for (const partition of partitions) out.int32(partition)
      }
      return writeBytes(out, userData).take()
    },
    decode: (buffer) => {
      if (buffer.length < 2) return null
      const reader = new ByteReader(buffer)
      const version = reader.int16()
      const assignment: Assignment = {}
      readArray(reader, () => {
        assignment[readString(reader)] = readArray(reader, () => reader.int32())
      })
      return { version, assignment, userData: readBytes(reader) }
    },
  },
}

function writeString(out: ByteWriter, text: string): void {
  out.int16(Buffer.byteLength(text)).utf8(text)
}

function writeBytes(out: ByteWriter, bytes: Buffer): ByteWriter {
  return out.int32(bytes.length).raw(bytes)
}

function readString(reader: ByteReader): string {
  return reader.utf8(reader.int16())
}

function readBytes(reader: ByteReader): Buffer {
  const size = reader.int32()
  return size < 0 ? noBytes : Buffer.from(reader.slice(size))
}

function readArray<T>(reader: ByteReader, item: () => T): T[] {
  const count = reader.int32()
  return Array.from({ length: Math.max(0, count) }, item)
}
