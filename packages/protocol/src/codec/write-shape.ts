import { Buffer } from 'node:buffer'
import { assert, writeInt64 } from '@millrace/kernel'
import type { Field, Fields, Shape } from '../fields.ts'
import { includes } from '../versions.ts'
import { FieldFault, faultAt } from './field-fault.ts'
import type { MessageWriter } from './message-writer.ts'

export type Write = (out: MessageWriter, value: unknown) => void

/** How a table is written in one version. */
export interface Dialect {
  readonly version: number
  /** Compact lengths and tag sections. */
  readonly flexible: boolean
  /** Refuse a set field that the version lacks. Without, such a field is left out. */
  readonly strict: boolean
}

interface Row {
  readonly name: string
  readonly field: Field<unknown>
  readonly write: Write
}

/** A function that writes values of `fields`, made once for each version. */
export function structWriter(fields: Fields, dialect: Dialect): Write {
  const rows: Row[] = []
  const tagged: (Row & { tag: number })[] = []
  const lacking: { name: string; field: Field<unknown> }[] = []
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.versions, dialect.version)) {
      if (dialect.strict && !field.ignorable) lacking.push({ name, field })
    } else if (field.tag === undefined) {
      rows.push({ name, field, write: fieldWriter(field, dialect) })
    } else {
      assert(dialect.flexible, `${name} is tagged in a version without tags`)
      tagged.push({ name, field, write: fieldWriter(field, dialect), tag: field.tag })
    }
  }
  tagged.sort((a, b) => a.tag - b.tag)

  return (out, value) => {
    if (!isStruct(value)) throw new FieldFault('INVALID_REQUEST', `${typeof value} where an object belongs`)
    for (const { name, field } of lacking) {
      if (!equal(value[name], field.default)) throw faultAt(unsupported(dialect.version), name, 'UNSUPPORTED_VERSION')
    }
    let row: Row | undefined
    try {
      for (row of rows) row.write(out, value[row.name])
      if (dialect.flexible) writeTags(out, tagged, value)
    } catch (error) {
      throw faultAt(error, row?.name ?? '', 'INVALID_REQUEST')
    }
  }
}

function writeTags(
  out: MessageWriter,
  tagged: readonly (Row & { tag: number })[],
  value: Readonly<Record<string, unknown>>,
): void {
  let count = 0
  for (const row of tagged) if (!equal(value[row.name], row.field.default)) count++
  out.bytes.uvarint(count)
  if (count === 0) return
  for (const row of tagged) {
    if (equal(value[row.name], row.field.default)) continue
    out.bytes.uvarint(row.tag)
    out.sized(() => row.write(out, value[row.name]))
  }
}

function fieldWriter(field: Field<unknown>, dialect: Dialect): Write {
  const write = shapeWriter(field.shape, dialect)
  if (field.saturates) return (out, value) => writeSaturating(out, numberIn(value))
  const writeNull = nullWriter(field.shape, dialect.flexible)
  if (includes(field.nullable, dialect.version)) {
    if (field.shape.kind === 'struct') return nullableStructWriter(write)
    return (out, value) => (value === null ? writeNull(out) : write(out, value))
  }
  if (dialect.strict) return write
  // A version that cannot say null says "empty".
  const { kind } = field.shape
  const empty = kind === 'list' ? [] : kind === 'string' ? '' : Buffer.alloc(0)
  return (out, value) => write(out, value === null ? empty : value)
}

function nullableStructWriter(write: Write): Write {
  return (out, value) => {
    out.bytes.int8(value === null ? -1 : 1)
    if (value !== null) write(out, value)
  }
}

function nullWriter(shape: Shape, flexible: boolean): (out: MessageWriter) => void {
  if (flexible) return (out) => out.bytes.uvarint(0)
  return shape.kind === 'string' ? (out) => out.bytes.int16(-1) : (out) => out.bytes.int32(-1)
}

function shapeWriter(shape: Shape, dialect: Dialect): Write {
  const { flexible } = dialect
  switch (shape.kind) {
    case 'bool':
      return (out, value) => out.bytes.int8(value === true ? 1 : 0)
    case 'int8':
      return (out, value) => out.bytes.int8(numberIn(value))
    case 'int16':
      return (out, value) => out.bytes.int16(numberIn(value))
    case 'uint16':
      return (out, value) => out.bytes.uint16(numberIn(value))
    case 'int32':
      return (out, value) => out.bytes.int32(numberIn(value))
    case 'int64':
      return (out, value) => out.bytes.int64(safeIn(value))
    case 'float64':
      return (out, value) => {
        const at = out.bytes.reserve(8)
        out.bytes.bytes.writeDoubleBE(numberIn(value), at)
      }
    case 'uuid':
      return (out, value) => out.uuid(stringIn(value))
    case 'string':
      return flexible
        ? (out, value) => out.compactString(stringIn(value))
        : (out, value) => out.string16(stringIn(value))
    case 'bytes':
      return (out, value) => {
        const bytes = bytesIn(value)
        writeLength(out, bytes.length, flexible)
        out.bytes.raw(bytes)
      }
    case 'records':
      return (out, value) => {
        const bytes = bytesIn(value)
        writeLength(out, bytes.length, flexible)
        out.batch(bytes)
      }
    case 'struct':
      return structWriter(shape.fields, dialect)
    case 'list':
      return listWriter(shapeWriter(shape.item, dialect), flexible)
  }
}

function listWriter(item: Write, flexible: boolean): Write {
  return (out, value) => {
    if (!Array.isArray(value)) throw new FieldFault('INVALID_REQUEST', `${named(value)} where a list belongs`)
    writeLength(out, value.length, flexible)
    let i = 0
    try {
      for (; i < value.length; i++) item(out, value[i])
    } catch (error) {
      throw faultAt(error, `[${i}]`, 'INVALID_REQUEST')
    }
  }
}

function writeLength(out: MessageWriter, length: number, flexible: boolean): void {
  if (flexible) out.bytes.uvarint(length + 1)
  else out.bytes.int32(length)
}

function writeSaturating(out: MessageWriter, value: number): void {
  const at = out.bytes.reserve(8)
  if (value < Number.MAX_SAFE_INTEGER) writeInt64(out.bytes.bytes, at, value)
  else {
    out.bytes.bytes.writeUInt32BE(0x7fff_ffff, at)
    out.bytes.bytes.writeUInt32BE(0xffff_ffff, at + 4)
  }
}

function isStruct(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function numberIn(value: unknown): number {
  if (typeof value !== 'number') throw new FieldFault('INVALID_REQUEST', `${named(value)} where a number belongs`)
  return value
}

function safeIn(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw new FieldFault('INVALID_REQUEST', `${named(value)} is not a safe integer`)
  return numberIn(value)
}

function stringIn(value: unknown): string {
  if (typeof value !== 'string') throw new FieldFault('INVALID_REQUEST', `${named(value)} where a string belongs`)
  return value
}

function bytesIn(value: unknown): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new FieldFault('INVALID_REQUEST', `${named(value)} where bytes belong`)
  return value
}

function named(value: unknown): string {
  return value === undefined
    ? 'nothing'
    : typeof value === 'number'
      ? `${value}`
      : value === null
        ? 'null'
        : typeof value
}

function unsupported(version: number): FieldFault {
  return new FieldFault('UNSUPPORTED_VERSION', `the field is set, and version ${version} has no place for it`)
}

/** Equality with a default: scalars, empty lists, and structs of such. */
function equal(value: unknown, standard: unknown): boolean {
  if (value === standard) return true
  if (Array.isArray(value) && Array.isArray(standard)) return value.length === 0 && standard.length === 0
  if (!isStruct(value) || !isStruct(standard) || Array.isArray(value)) return false
  for (const name of Object.keys(standard)) if (!equal(value[name], standard[name])) return false
  return true
}
