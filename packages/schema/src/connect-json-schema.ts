import { configError } from '@millrace/kernel'
import { type ConnectAttributes, type ConnectSchema, connectSchema, logical, logicalOf } from './connect-schema.ts'
import type { JsonSchema } from './json-schema.ts'

/**
 * The JSON Schema of the JSON a Connect value is written as (JsonConverter without envelope: bytes in base64, Decimal
 * as text, Date in days,
 * Time and Timestamp in milliseconds). Connect's own type stands in `connectType`, its name in `title`, so that
 * `connectSchemaFromJson` gives
 * the same schema back.
 */
export function jsonSchemaOf(schema: ConnectSchema): JsonSchema {
  const described = {
    ...jsonType(schema),
    connectType: logicalOf(schema) ?? schema.type,
    ...(schema.name === undefined ? {} : { title: schema.name }),
    ...(schema.doc === undefined ? {} : { description: schema.doc }),
    ...(schema.version === undefined ? {} : { connectVersion: schema.version }),
    ...(schema.parameters === undefined ? {} : { connectParameters: schema.parameters }),
    ...(schema.default === undefined ? {} : { default: schema.default }),
  }
  return schema.optional === true ? { oneOf: [{ type: 'null' }, described] } : described
}

function jsonType(schema: ConnectSchema): JsonSchema {
  if (logicalOf(schema) === 'decimal') return { type: 'string' }
  switch (schema.type) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
      return { type: 'integer' }
    case 'float32':
    case 'float64':
      return { type: 'number' }
    case 'boolean':
    case 'string':
      return { type: schema.type }
    case 'bytes':
      return { type: 'string', contentEncoding: 'base64' }
    case 'array':
      return { type: 'array', items: schema.values === undefined ? {} : jsonSchemaOf(schema.values) }
    case 'map':
      return { type: 'object', additionalProperties: schema.values === undefined ? {} : jsonSchemaOf(schema.values) }
    case 'struct': {
      const fields = schema.fields ?? []
      return {
        type: 'object',
        properties: Object.fromEntries(fields.map((field) => [field.name, jsonSchemaOf(field.schema)])),
        required: fields
          .filter(({ schema: inner }) => inner.optional !== true && inner.default === undefined)
          .map((field) => field.name),
        additionalProperties: false,
      }
    }
  }
}

/**
 * A JSON Schema as a Connect schema. `integer` is int64, `number` float64, `string` with format `date-time` or `date`
 * stays a string; properties that
 * are not required become optional; an object without `properties` is a map of strings.
 *
 * @throws CONFIG naming the path of a part that Connect has no type for (unions beyond null, missing types).
 */
export function connectSchemaFromJson(schema: JsonSchema, path = '#'): ConnectSchema {
  const union = schema['oneOf'] ?? schema['anyOf']
  if (Array.isArray(union)) {
    const others = union.filter((part) => part?.type !== 'null')
    if (others.length !== 1 || others.length === union.length)
      throw unmapped(path, 'only a union with null is mapped', union)
    return Object.freeze({ ...connectSchemaFromJson(asSchema(others[0], path), path), optional: true })
  }
  const type = schema['type']
  if (Array.isArray(type)) {
    const others = type.filter((name) => name !== 'null')
    if (others.length !== 1) throw unmapped(path, 'only a union with null is mapped', type)
    return Object.freeze({ ...connectSchemaFromJson({ ...schema, type: others[0] }, path), optional: true })
  }
  return fromType(schema, type, path)
}

function fromType(schema: JsonSchema, type: unknown, path: string): ConnectSchema {
  const attributes = attributesOf(schema)
  const told = fromConnectType(schema, attributes)
  if (told !== undefined) return told
  switch (type) {
    case 'integer':
      return connectSchema.int64(attributes)
    case 'number':
      return connectSchema.float64(attributes)
    case 'boolean':
      return connectSchema.boolean(attributes)
    case 'string':
      return schema['contentEncoding'] === 'base64' ? connectSchema.bytes(attributes) : connectSchema.string(attributes)
    case 'array':
      return connectSchema.array(
        connectSchemaFromJson(asSchema(schema['items'], `${path}/items`), `${path}/items`),
        attributes,
      )
    case 'object':
      return fromObject(schema, attributes, path)
    default:
      throw unmapped(path, 'has no type that Connect knows', type)
  }
}

function fromObject(schema: JsonSchema, attributes: ConnectAttributes, path: string): ConnectSchema {
  const properties = schema['properties']
  if (properties === undefined) {
    const values = schema['additionalProperties']
    const at = `${path}/additionalProperties`
    return connectSchema.map(connectSchema.string(), connectSchemaFromJson(asSchema(values, at), at), attributes)
  }
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  const fields: Record<string, ConnectSchema> = {}
  for (const [name, part] of Object.entries(asSchema(properties, `${path}/properties`))) {
    const at = `${path}/properties/${name}`
    const inner = connectSchemaFromJson(asSchema(part, at), at)
    const open = !required.includes(name) && inner.default === undefined && inner.optional !== true
    fields[name] = open ? Object.freeze({ ...inner, optional: true }) : inner
  }
  return connectSchema.struct(fields, attributes)
}

/** The type that `jsonSchemaOf` noted, where it says more than the JSON type. */
function fromConnectType(schema: JsonSchema, attributes: ConnectAttributes): ConnectSchema | undefined {
  switch (schema['connectType']) {
    case 'int8':
    case 'int16':
    case 'int32':
    case 'float32':
      return connectSchema[schema['connectType']](attributes)
    case 'decimal':
      return Object.freeze({ ...attributes, type: 'bytes', name: logical.decimal })
    case 'date':
    case 'time':
    case 'timestamp':
      return connectSchema[schema['connectType']](attributes)
    default:
      return undefined
  }
}

function attributesOf(schema: JsonSchema): ConnectAttributes {
  const { title, description, connectVersion, connectParameters } = schema
  return {
    ...(typeof title === 'string' ? { name: title } : {}),
    ...(typeof description === 'string' ? { doc: description } : {}),
    ...(typeof connectVersion === 'number' ? { version: connectVersion } : {}),
    ...(isTexts(connectParameters) ? { parameters: connectParameters } : {}),
    ...(schema['default'] === undefined ? {} : { default: schema['default'] }),
  }
}

function isTexts(value: unknown): value is Record<string, string> {
  return typeof value === 'object' && value !== null && Object.values(value).every((text) => typeof text === 'string')
}

function asSchema(value: unknown, path: string): JsonSchema {
  if (isSchema(value)) return value
  throw unmapped(path, 'a schema object is wanted', value)
}

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unmapped(path: string, problem: string, value: unknown) {
  return configError(
    `JSON Schema ${path}`,
    problem,
    value,
    'Give a schema whose parts have one type each, or one and null.',
  )
}
