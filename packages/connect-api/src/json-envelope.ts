import { Buffer } from 'node:buffer'
import { MillraceError } from '@millrace/kernel'
import { type ConnectSchema, type ConnectType, connectTypes, logicalOf } from '@millrace/schema'
import type { SchemaAndValue } from './schema-and-value.ts'

/**
 * Kafka Connect's JSON with its schema (`JsonConverter`, `schemas.enable=true`):
 *
 *   { "schema": { "type": "struct", "fields": [{ "field": "id", "type": "int64", "optional": false }, …] },
 *     "payload": { "id": 1 } }
 *
 * `float32` and `float64` are called float and double there, an array's element schema `items`; bytes and decimals
 * are base64,
 * dates days, times and timestamps milliseconds, a map with keys other than text an array of pairs.
 */
export function writeEnvelope(schema: ConnectSchema | null, value: unknown): object {
  if (schema === null) return { schema: null, payload: value }
  return { schema: schemaToJson(schema), payload: toPayload(schema, value) }
}

/** @throws BAD_RECORD when the parsed JSON is no envelope. */
export function readEnvelope(parsed: unknown, at: number): SchemaAndValue {
  if (isObject(parsed) && 'schema' in parsed && 'payload' in parsed) {
    if (parsed['schema'] === null) return { schema: null, value: parsed['payload'] }
    const schema = schemaFromJson(parsed['schema'])
    return { schema, value: fromPayload(schema, parsed['payload']) }
  }
  throw new MillraceError('BAD_RECORD', 'is no { "schema", "payload" } of Kafka Connect', {
    place: `json with schema at byte ${at}`,
    fix: 'Set schemas.enable to false for plain JSON.',
  })
}

function schemaToJson(schema: ConnectSchema): Record<string, unknown> {
  const { type, fields, keys, values, optional, ...rest } = schema
  const jsonType = type === 'float32' ? 'float' : type === 'float64' ? 'double' : type
  return {
    type: jsonType,
    optional: optional ?? false,
    ...rest,
    ...(fields && { fields: fields.map((field) => ({ ...schemaToJson(field.schema), field: field.name })) }),
    ...(type === 'array' && values && { items: schemaToJson(values) }),
    ...(type === 'map' && keys && values && { keys: schemaToJson(keys), values: schemaToJson(values) }),
  }
}

const typesByName = new Map<unknown, ConnectType>([
  ...connectTypes.map((type): [string, ConnectType] => [type, type]),
  ['float', 'float32'],
  ['double', 'float64'],
])

/** Records of a topic carry the same schema over and over, each parsed anew; the last few are kept by their text. */
const parsedSchemas = new Map<string, ConnectSchema>()
const parsedSchemasMax = 64

function schemaFromJson(json: unknown): ConnectSchema {
  const text = JSON.stringify(json)
  let schema = parsedSchemas.get(text)
  if (schema === undefined) {
    schema = schemaOf(json)
    if (parsedSchemas.size >= parsedSchemasMax) parsedSchemas.clear()
    parsedSchemas.set(text, schema)
  }
  return schema
}

function schemaOf(json: unknown): ConnectSchema {
  const type = isObject(json) ? typesByName.get(json['type']) : undefined
  if (!isObject(json) || type === undefined) {
    throw new MillraceError('BAD_RECORD', 'has a schema whose type is none of Connect', {
      place: 'json with schema',
      value: isObject(json) ? json['type'] : json,
    })
  }
  const { name, version, doc, parameters, fields } = json
  return Object.freeze({
    type,
    ...(json['optional'] === true && { optional: true }),
    ...(json['default'] !== undefined && { default: json['default'] }),
    ...(typeof name === 'string' && { name }),
    ...(typeof version === 'number' && { version }),
    ...(typeof doc === 'string' && { doc }),
    ...(isObject(parameters) && { parameters: textsOf(parameters) }),
    ...(type === 'struct' && { fields: Array.isArray(fields) ? fields.map(fieldOf) : [] }),
    ...(type === 'array' && { values: schemaOf(json['items']) }),
    ...(type === 'map' && { keys: schemaOf(json['keys']), values: schemaOf(json['values']) }),
  })
}

function fieldOf(json: unknown): { readonly name: string; readonly schema: ConnectSchema } {
  return { name: isObject(json) ? String(json['field']) : '', schema: schemaOf(json) }
}

function textsOf(object: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, String(value)]))
}

function toPayload(schema: ConnectSchema, value: unknown): unknown {
  if (value === null || value === undefined) return schema.default ?? null
  const logical = logicalOf(schema)
  if (logical === 'decimal') return decimalBytes(String(value), Number(schema.parameters?.['scale'] ?? 0))
  if (logical !== undefined && value instanceof Date) {
    return logical === 'date' ? Math.floor(value.getTime() / 86_400_000) : value.getTime()
  }
  if (schema.type === 'bytes' && value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  if (typeof value === 'bigint') return Number(value)
  const { values, keys, fields } = schema
  if (schema.type === 'array' && values && Array.isArray(value)) return value.map((item) => toPayload(values, item))
  if (schema.type === 'struct' && isObject(value)) {
    return Object.fromEntries((fields ?? []).map(({ name, schema: inner }) => [name, toPayload(inner, value[name])]))
  }
  if (schema.type === 'map' && keys && values && isObject(value)) {
    const entries = value instanceof Map ? [...value] : Object.entries(value)
    const pairs = entries.map(([key, item]) => [toPayload(keys, key), toPayload(values, item)])
    return keys.type === 'string' ? Object.fromEntries(pairs) : pairs
  }
  return value
}

function fromPayload(schema: ConnectSchema, payload: unknown): unknown {
  if (payload === null || payload === undefined) return schema.default ?? null
  const logical = logicalOf(schema)
  if (logical === 'decimal') return decimalText(String(payload), Number(schema.parameters?.['scale'] ?? 0))
  if (logical !== undefined && typeof payload === 'number') {
    return new Date(logical === 'date' ? payload * 86_400_000 : payload)
  }
  if (schema.type === 'bytes' && typeof payload === 'string') return Buffer.from(payload, 'base64')
  const { values, keys, fields } = schema
  if (schema.type === 'array' && values && Array.isArray(payload))
    return payload.map((item) => fromPayload(values, item))
  if (schema.type === 'struct' && isObject(payload)) {
    return Object.fromEntries(
      (fields ?? []).map(({ name, schema: inner }) => [name, fromPayload(inner, payload[name])]),
    )
  }
  if (schema.type === 'map' && keys && values) {
    if (Array.isArray(payload))
      return new Map(payload.map(([key, item]) => [fromPayload(keys, key), fromPayload(values, item)]))
    if (isObject(payload))
      return new Map(Object.entries(payload).map(([key, item]) => [key, fromPayload(values, item)]))
  }
  return payload
}

/** A decimal's unscaled value as big-endian two's complement, as Java's BigInteger writes it, in base64. */
function decimalBytes(text: string, scale: number): string {
  const [whole = '0', fraction = ''] = text.split('.')
  const unscaled = BigInt(whole + fraction.padEnd(scale, '0').slice(0, scale))
  let size = 1
  while (BigInt.asIntN(size * 8, unscaled) !== unscaled) size++
  const hex = BigInt.asUintN(size * 8, unscaled).toString(16)
  return Buffer.from(hex.padStart(size * 2, '0'), 'hex').toString('base64')
}

function decimalText(base64: string, scale: number): string {
  const bytes = Buffer.from(base64, 'base64')
  const unscaled = bytes.length === 0 ? 0n : BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`))
  const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? `-${text}` : text
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
