import { MillraceError } from '@millrace/kernel'
import type { ConnectSchema, ConnectType } from './connect-schema.ts'
import type { SchemaAndValue } from './converter.ts'

/** Kafka Connect's JSON with its schema: `{ "schema": …, "payload": … }`, exactly these two. */
export function writeEnvelope(schema: ConnectSchema | null, value: unknown): object {
  return { schema, payload: value }
}

/** @throws BAD_RECORD when the parsed JSON is no envelope, as Kafka Connect does with `schemas.enable`. */
export function readEnvelope(parsed: unknown, at: number): SchemaAndValue {
  if (typeof parsed === 'object' && parsed !== null && 'schema' in parsed && 'payload' in parsed) {
    const { schema, payload } = parsed
    if (schema === null) return { schema, value: payload }
    if (isSchema(schema)) return { schema, value: payload }
  }
  throw new MillraceError('BAD_RECORD', 'is no { "schema", "payload" } of Kafka Connect', {
    place: `json with schema at byte ${at}`,
    fix: 'Set schemas.enable to false for plain JSON.',
  })
}

const types: ReadonlySet<unknown> = new Set<ConnectType>([
  'int8',
  'int16',
  'int32',
  'int64',
  'float',
  'double',
  'boolean',
  'string',
  'bytes',
  'array',
  'map',
  'struct',
])

function isSchema(value: unknown): value is ConnectSchema {
  if (typeof value !== 'object' || value === null || !('type' in value) || !types.has(value.type)) return false
  if (value.type === 'struct') return 'fields' in value && Array.isArray(value.fields) && value.fields.every(isField)
  if (value.type === 'array') return 'items' in value && isSchema(value.items)
  if (value.type === 'map')
    return 'keys' in value && 'values' in value && isSchema(value.keys) && isSchema(value.values)
  return true
}

function isField(value: unknown): boolean {
  return isSchema(value) && 'field' in value && typeof value.field === 'string'
}
