import { MillraceError } from '@millrace/kernel'
import { described } from './bad-value.ts'
import { type ConnectSchema, logicalOf } from './connect-schema.ts'

const DAY_MS = 86_400_000
const ranges = { int8: 0x80, int16: 0x8000, int32: 0x8000_0000 } as const

/**
 * Checks a value against a schema, as Connect's ConnectSchema.validateValue does. A missing value passes where the
 * schema is optional or has a
 * default. Fields of a struct that its schema does not name are refused.
 *
 * @throws BAD_RECORD naming the path within the value and what was met.
 */
export function checkConnectValue(schema: ConnectSchema, value: unknown, path = 'value'): void {
  if (value === undefined || value === null) {
    if (schema.optional === true || schema.default !== undefined) return
    throw wrong(path, `a value is required (${typeName(schema)})`, value)
  }
  const kind = logicalOf(schema)
  if (kind !== undefined) checkLogical(kind, schema, value, path)
  else checkPlain(schema, value, path)
}

function checkPlain(schema: ConnectSchema, value: unknown, path: string): void {
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32': {
      const bound = ranges[schema.type]
      if (!Number.isInteger(value)) throw wrong(path, `a whole number is wanted (${schema.type})`, value)
      if (Number(value) < -bound || Number(value) >= bound) throw wrong(path, `does not fit ${schema.type}`, value)
      return
    }
    case 'int64':
      if (typeof value === 'bigint' ? BigInt.asIntN(64, value) === value : Number.isSafeInteger(value)) return
      throw wrong(path, 'a whole number that fits int64 is wanted (past 2^53 as a bigint)', value)
    case 'float32':
    case 'float64':
      if (typeof value !== 'number') throw wrong(path, `a number is wanted (${schema.type})`, value)
      return
    case 'boolean':
    case 'string':
      if (typeof value !== schema.type) throw wrong(path, `a ${schema.type} is wanted`, value)
      return
    case 'bytes':
      if (!(value instanceof Uint8Array)) throw wrong(path, 'bytes are wanted (Uint8Array)', value)
      return
    case 'array':
      if (!Array.isArray(value)) throw wrong(path, 'an array is wanted', value)
      for (let i = 0; i < value.length; i++) checkConnectValue(part(schema, 'values', path), value[i], `${path}[${i}]`)
      return
    case 'map':
      checkMap(schema, value, path)
      return
    case 'struct':
      checkStruct(schema, value, path)
      return
  }
}

function checkMap(schema: ConnectSchema, value: unknown, path: string): void {
  if (!(value instanceof Map) && !isPlainObject(value)) throw wrong(path, 'a Map or an object is wanted (map)', value)
  const entries: Iterable<[unknown, unknown]> = value instanceof Map ? value : Object.entries(value)
  for (const [key, item] of entries) {
    checkConnectValue(part(schema, 'keys', path), key, `a key of ${path}`)
    checkConnectValue(part(schema, 'values', path), item, `${path}[${JSON.stringify(key) ?? String(key)}]`)
  }
}

function checkStruct(schema: ConnectSchema, value: unknown, path: string): void {
  if (!isPlainObject(value)) throw wrong(path, 'an object is wanted (struct)', value)
  const fields = schema.fields ?? []
  let present = 0
  for (const field of fields) {
    if (Object.hasOwn(value, field.name)) present++
    checkConnectValue(field.schema, value[field.name], `${path}.${field.name}`)
  }
  const names = Object.keys(value)
  if (names.length === present) return
  const stray = names.find((name) => !fields.some((field) => field.name === name))
  throw wrong(
    `${path}.${stray}`,
    `is not a field of ${schema.name ?? 'the struct'}`,
    stray === undefined ? value : value[stray],
  )
}

function checkLogical(kind: string, schema: ConnectSchema, value: unknown, path: string): void {
  if (kind === 'decimal') {
    if (typeof value !== 'string' || !/^[+-]?\d+(\.\d+)?$/.test(value))
      throw wrong(path, 'a decimal text is wanted', value)
    const digits = value.length - (value.indexOf('.') < 0 ? value.length : value.indexOf('.') + 1)
    const scale = Number(schema.parameters?.['scale'] ?? 0)
    if (digits > scale) throw wrong(path, `has more than ${scale} digits after the point`, value)
    return
  }
  if (!(value instanceof Date) || Number.isNaN(value.getTime()))
    throw wrong(path, `a valid Date is wanted (${kind})`, value)
  if (kind === 'date' && value.getTime() % DAY_MS !== 0) throw wrong(path, 'a day at 00:00 UTC is wanted (date)', value)
  if (kind === 'time' && (value.getTime() < 0 || value.getTime() >= DAY_MS)) {
    throw wrong(path, 'a time within 1970-01-01 UTC is wanted (time)', value)
  }
}

function part(schema: ConnectSchema, which: 'keys' | 'values', path: string): ConnectSchema {
  const inner = schema[which]
  if (inner === undefined) throw wrong(path, `its schema of type ${schema.type} has no ${which}`, undefined)
  return inner
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}

function typeName(schema: ConnectSchema): string {
  return schema.name === undefined ? schema.type : `${schema.type} ${schema.name}`
}

function wrong(path: string, problem: string, value: unknown): MillraceError {
  return new MillraceError('BAD_RECORD', `${problem}, met ${described(value)}`, {
    place: path,
    fix: 'Mend the record, or the schema it is written with.',
  })
}
