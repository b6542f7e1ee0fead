import { Buffer } from 'node:buffer'
import fc from 'fast-check'
import type { Field, Fields, Shape } from '../src/fields.ts'
import { includes } from '../src/versions.ts'

/** Any value that a table can hold in one version. What the version lacks has its default. */
export function messages(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldValues(field, version)])),
  )
}

function fieldValues(field: Field<unknown>, version: number): fc.Arbitrary<unknown> {
  if (!includes(field.versions, version)) return fc.constant(field.default)
  const values = field.saturates ? fc.maxSafeNat() : shapeValues(field.shape, version)
  return includes(field.nullable, version) ? fc.option(values, { freq: 4 }) : values
}

function shapeValues(shape: Shape, version: number): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'bool':
      return fc.boolean()
    case 'int8':
      return fc.integer({ min: -0x80, max: 0x7f })
    case 'int16':
      return fc.integer({ min: -0x8000, max: 0x7fff })
    case 'uint16':
      return fc.integer({ min: 0, max: 0xffff })
    case 'int32':
      return fc.integer({ min: -0x8000_0000, max: 0x7fff_ffff })
    case 'int64':
      return fc.maxSafeInteger()
    case 'float64':
      return fc.double()
    case 'string':
      return fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 30, maxLength: 300, unit: 'grapheme' }))
    case 'uuid':
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((id) => Buffer.from(id).toString('base64url'))
    case 'bytes':
    case 'records':
      return fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    case 'struct':
      return messages(shape.fields, version)
    case 'list':
      return fc.array(shapeValues(shape.item, version), { maxLength: 3 })
  }
}
