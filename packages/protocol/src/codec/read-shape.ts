import { readInt64, ShortBytesError } from '@millrace/kernel'
import { defaultsOf, type Field, type Fields, type Shape, zeroUuid } from '../fields.ts'
import { includes } from '../versions.ts'
import { FieldFault, faultAt } from './field-fault.ts'
import type { MessageReader } from './message-reader.ts'

export type Read = (reader: MessageReader) => unknown

interface Row {
  readonly name: string
  readonly read: Read
}

/** A function that reads values of `fields`, made once for each version. What the version lacks has its default. */
export function structReader(fields: Fields, version: number, flexible: boolean): Read {
  const rows: Row[] = []
  const tagged = new Map<number, Row>()
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.versions, version)) continue
    const row = { name, read: fieldReader(field, version, flexible) }
    if (field.tag === undefined) rows.push(row)
    else tagged.set(field.tag, row)
  }
  const defaults: Readonly<Record<string, unknown>> = defaultsOf(fields)

  return (reader) => {
    const value: Record<string, unknown> = { ...defaults } // all fields at once: one hidden class, whatever the version
    let row: Row | undefined
    try {
      for (row of rows) value[row.name] = row.read(reader)
      row = undefined
      if (flexible) readTags(reader, tagged, value)
    } catch (error) {
      throw faultAt(error, row?.name ?? 'tags', 'CORRUPT_MESSAGE')
    }
    return value
  }
}

const noTags: ReadonlyMap<number, Row> = new Map()

/** Reads over a tag section, whatever is in it. */
export function skipTags(reader: MessageReader): void {
  readTags(reader, noTags, {})
}

/** Reads a tag section; tags that the table does not know are skipped. */
function readTags(reader: MessageReader, tagged: ReadonlyMap<number, Row>, value: Record<string, unknown>): void {
  const count = reader.uvarint()
  for (let i = 0; i < count; i++) {
    const tag = reader.uvarint()
    const size = reader.uvarint()
    if (size > reader.remaining) throw tooLong('bytes', size, reader)
    const row = tagged.get(tag)
    if (row === undefined) {
      reader.skip(size)
      continue
    }
    const outerEnd = reader.end
    reader.end = reader.position + size
    try {
      value[row.name] = row.read(reader)
      if (reader.remaining > 0) throw new FieldFault('CORRUPT_MESSAGE', `${reader.remaining} bytes too many in the tag`)
    } catch (error) {
      throw faultAt(error, row.name, 'CORRUPT_MESSAGE')
    }
    reader.end = outerEnd
  }
}

function fieldReader(field: Field<unknown>, version: number, flexible: boolean): Read {
  if (field.saturates) return readSaturating
  const nullable = includes(field.nullable, version)
  if (field.clamps) return clampedReader(field.shape, flexible, nullable)
  return shapeReader(field.shape, version, flexible, nullable)
}

function shapeReader(shape: Shape, version: number, flexible: boolean, nullable: boolean): Read {
  switch (shape.kind) {
    case 'bool':
      return (reader) => reader.int8() !== 0
    case 'int8':
      return (reader) => reader.int8()
    case 'int16':
      return (reader) => reader.int16()
    case 'uint16':
      return (reader) => reader.uint16()
    case 'int32':
      return (reader) => reader.int32()
    case 'int64':
      return (reader) => reader.int64()
    case 'float64':
      return readDouble
    case 'uuid':
      return readUuid
    case 'string': {
      const length = flexible ? compactLength : length16
      return (reader) => {
        const size = length(reader)
        return size < 0 ? absent(nullable) : reader.utf8(checked(size, 'characters', reader))
      }
    }
    case 'bytes':
    case 'records': {
      const length = flexible ? compactLength : length32
      return (reader) => {
        const size = length(reader)
        return size < 0 ? absent(nullable) : reader.slice(checked(size, 'bytes', reader))
      }
    }
    case 'struct': {
      const read = structReader(shape.fields, version, flexible)
      return nullable ? (reader) => (reader.int8() < 0 ? null : read(reader)) : read
    }
    case 'list': {
      const item = shapeReader(shape.item, version, flexible, false)
      const itemBytes = Math.max(1, leastBytes(shape.item, version, flexible))
      return listReader(item, itemBytes, flexible, nullable)
    }
  }
}

/** Of an int64, or of a list of them. */
function clampedReader(shape: Shape, flexible: boolean, nullable: boolean): Read {
  return shape.kind === 'list' ? listReader(readClamped, 8, flexible, nullable) : readClamped
}

function listReader(item: Read, itemBytes: number, flexible: boolean, nullable: boolean): Read {
  const length = flexible ? compactLength : length32
  return (reader) => {
    const count = length(reader)
    if (count < 0) return absent(nullable)
    // Before a list of that size is made.
    if (count * itemBytes > reader.remaining) throw tooLong('items', count, reader)
    reader.itemsLeft -= count
    if (reader.itemsLeft < 0)
      throw new FieldFault('CORRUPT_MESSAGE', `more items than a request may have: ${count} here`)
    const items: unknown[] = []
    try {
      for (let i = 0; i < count; i++) items.push(item(reader))
    } catch (error) {
      throw faultAt(error, `[${items.length}]`, 'CORRUPT_MESSAGE')
    }
    return items
  }
}

/** The fewest bytes a value of this shape can take: bounds how many items a list can really have. */
function leastBytes(shape: Shape, version: number, flexible: boolean): number {
  switch (shape.kind) {
    case 'bool':
    case 'int8':
      return 1
    case 'int16':
    case 'uint16':
      return 2
    case 'int32':
      return 4
    case 'int64':
    case 'float64':
      return 8
    case 'uuid':
      return 16
    case 'string':
      return flexible ? 1 : 2
    case 'bytes':
    case 'records':
    case 'list':
      return flexible ? 1 : 4
    case 'struct': {
      const present = Object.values(shape.fields).filter((field) => includes(field.versions, version))
      const untagged = present.filter((field) => field.tag === undefined)
      return untagged.reduce((sum, field) => sum + leastFieldBytes(field, version, flexible), flexible ? 1 : 0)
    }
  }
}

function leastFieldBytes(field: Field<unknown>, version: number, flexible: boolean): number {
  const absentStruct = field.shape.kind === 'struct' && includes(field.nullable, version)
  return absentStruct ? 1 : leastBytes(field.shape, version, flexible)
}

function compactLength(reader: MessageReader): number {
  return reader.uvarint() - 1
}

function length16(reader: MessageReader): number {
  return reader.int16()
}

function length32(reader: MessageReader): number {
  return reader.int32()
}

function checked(size: number, unit: string, reader: MessageReader): number {
  if (size > reader.remaining) throw tooLong(unit, size, reader)
  return size
}

function absent(nullable: boolean): null {
  if (!nullable) throw new FieldFault('CORRUPT_MESSAGE', 'null, which is not allowed here')
  return null
}

function readUuid(reader: MessageReader): string {
  const at = reader.position
  reader.skip(16)
  const { bytes } = reader
  if (bytes.readInt32BE(at) === 0 && bytes.readInt32BE(at + 4) === 0) {
    if (bytes.readInt32BE(at + 8) === 0 && bytes.readInt32BE(at + 12) === 0) return zeroUuid
  }
  return bytes.toString('base64url', at, at + 16)
}

function readDouble(reader: MessageReader): number {
  const at = reader.position
  reader.skip(8)
  return reader.bytes.readDoubleBE(at)
}

function readSaturating(reader: MessageReader): number {
  const at = reader.position
  reader.skip(8)
  if (reader.bytes.readInt32BE(at) >= 0x20_0000) return Number.MAX_SAFE_INTEGER
  return readInt64(reader.bytes, at)
}

function readClamped(reader: MessageReader): number {
  const at = reader.position
  reader.skip(8)
  const near = reader.bytes.readInt32BE(at) * 0x1_0000_0000 + reader.bytes.readUInt32BE(at + 4)
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(near, Number.MAX_SAFE_INTEGER))
}

function tooLong(unit: string, wanted: number, reader: MessageReader): ShortBytesError {
  return new ShortBytesError(
    `${wanted} ${unit} announced before byte ${reader.position}, ${reader.remaining} bytes left`,
  )
}
