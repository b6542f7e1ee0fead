import { Buffer } from 'node:buffer'
import { ByteReader } from '@millrace/kernel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type ApiName, apiOf, apis, type Direction } from '../src/apis.ts'
import type { Field, Fields, Shape } from '../src/fields.ts'
import { fieldsOf, isApiName, MessageWriter, readMessage, writeMessage } from '../src/internal.ts'
import { includes } from '../src/versions.ts'

const names = Object.keys(apis).filter(isApiName)
const directions: readonly Direction[] = ['request', 'response']
const runs = Number(process.env['MILLRACE_PROPERTY_RUNS'] ?? 25)

/** Any value that a table can hold in one version. What the version lacks has its default. */
function messages(fields: Fields, version: number): fc.Arbitrary<Record<string, unknown>> {
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

function written(api: ApiName, direction: Direction, version: number, value: never): Buffer {
  const out = new MessageWriter()
  out.begin()
  writeMessage(out, api, direction, version, value)
  const { pieces, size } = out.end()
  const frame = Buffer.concat(pieces)
  expect(frame.length).toBe(size)
  expect(frame.readInt32BE(0)).toBe(size - 4)
  return frame.subarray(4)
}

describe.each(names)('%s', (api) => {
  const { versions, reshape } = apiOf(api)
  for (const direction of directions) {
    for (let version = versions.min; version <= versions.max; version++) {
      const moved = reshape[direction]
      // Where fields moved, the old layout is what goes over the wire: only values that it can say are generated.
      test(`${direction} v${version}`, () => {
        fc.assert(
          fc.property(messages(fieldsOf(api, direction), version), (any) => {
            const value = moved !== undefined && version < moved.before ? moved.toNewer(any) : any
            const bytes = written(api, direction, version, value as never)
            const back = readMessage(new ByteReader(bytes), api, direction, version)
            const again = written(api, direction, version, back as never)
            expect(again.equals(bytes)).toBe(true)
            if (moved === undefined || version >= moved.before) expect(back).toEqual(value)
          }),
          { numRuns: runs },
        )
      })
    }
  }
})
