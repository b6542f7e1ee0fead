import { Buffer } from 'node:buffer'
import { ByteWriter } from '@millrace/kernel'
import { type ConnectSchema, connectSchema } from '@millrace/schema'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Converter, converterOf } from '../src/index.ts'

const javaJson = 'org.apache.kafka.connect.json.JsonConverter'

function written(converter: Converter, value: unknown, schema: ConnectSchema | null = null): Buffer {
  const into = new ByteWriter()
  converter.write(schema, value, into)
  return into.take()
}

describe('converters', () => {
  const table: readonly [string, Record<string, unknown>, unknown, string][] = [
    ['json', {}, { a: [1, 'ü'] }, Buffer.from('{"a":[1,"ü"]}').toString('hex')],
    ['string', {}, 'ü', 'c3bc'],
    ['bytes', {}, Buffer.from([0, 255]), '00ff'],
    ['integer', {}, -2, 'fffffffe'],
    ['long', {}, 258, '0000000000000102'],
    ['double', {}, 1.5, '3ff8000000000000'],
    ['windowed', { 'window.size.ms': 60_000 }, { key: 'a', start: 60_000, end: 120_000 }, '61000000000000ea60'],
  ]
  it.each(table)('%s %o writes %o as Kafka does, and reads it back', (name, options, value, hex) => {
    const converter = converterOf('value.converter', name, options)
    const bytes = written(converter, value)
    expect(bytes.toString('hex')).toBe(hex)
    expect(converter.read(bytes, 0, bytes.length)).toEqual(value)
  })

  it('refuse what they cannot carry', () => {
    expect(() => written(converterOf('c', 'long'), 'x')).toThrow(/long converter.*string/)
    expect(() => written(converterOf('c', 'windowed', { 'window.size.ms': 1 }), 'x')).toThrow(/windowed/)
    expect(() => converterOf('key.converter', 'strin')).toThrow(/key.converter.*Did you mean string\?/)
    expect(() => converterOf('key.converter', 'windowed')).toThrow(/key.converter.window.size.ms/)
  })

  it('by a Java class name carry a schema unless told not to, as there', () => {
    expect(converterOf('c', javaJson).form).toBe('json-with-schema')
    expect(converterOf('c', javaJson, { 'schemas.enable': 'false' }).form).toBe('json')
    expect(converterOf('c', 'json').form).toBe('json')
    expect(converterOf('c', 'json', { 'schemas.enable': true }).form).toBe('json-with-schema')
  })
})

describe('JSON with its schema', () => {
  const converter = converterOf('c', javaJson)

  it('is read as Kafka Connect’s JsonConverter writes it', () => {
    // The shape of a row of a JDBC source: Decimal is base64 of an unscaled big-endian integer, Date is days.
    const text = JSON.stringify({
      schema: {
        type: 'struct',
        optional: false,
        name: 'row',
        fields: [
          { field: 'id', type: 'int64', optional: false },
          {
            field: 'price',
            type: 'bytes',
            optional: true,
            name: 'org.apache.kafka.connect.data.Decimal',
            version: 1,
            parameters: { scale: '2' },
          },
          { field: 'day', type: 'int32', optional: false, name: 'org.apache.kafka.connect.data.Date', version: 1 },
          { field: 'at', type: 'int64', optional: false, name: 'org.apache.kafka.connect.data.Timestamp', version: 1 },
          { field: 'share', type: 'double', optional: true },
          { field: 'tags', type: 'array', items: { type: 'string', optional: false }, optional: false },
          { field: 'raw', type: 'bytes', optional: false },
        ],
      },
      payload: { id: 7, price: '/y4=', day: 1, at: 1000, share: null, tags: ['x'], raw: 'AP8=' },
    })
    const bytes = Buffer.from(text)
    const { schema, value } = converter.readWithSchema!(bytes, 0, bytes.length)
    expect(value).toEqual({
      id: 7,
      price: '-2.10',
      day: new Date(86_400_000),
      at: new Date(1000),
      share: null,
      tags: ['x'],
      raw: Buffer.from([0, 255]),
    })
    expect(schema?.fields?.map((field) => field.schema.type)).toEqual([
      'int64',
      'bytes',
      'int32',
      'int64',
      'float64',
      'array',
      'bytes',
    ])
    const again: unknown = JSON.parse(written(converter, value, schema).toString())
    expect(again).toMatchObject({
      payload: { id: 7, price: '/y4=', day: 1, at: 1000, share: null, tags: ['x'], raw: 'AP8=' },
    })
  })

  it('brings any struct back with its schema', () => {
    const schema = connectSchema.struct({
      text: connectSchema.string({ optional: true }),
      price: connectSchema.decimal(3),
      at: connectSchema.timestamp(),
      flags: connectSchema.map(connectSchema.string(), connectSchema.boolean()),
      inner: connectSchema.struct({ n: connectSchema.float64() }),
    })
    const value = fc.record({
      text: fc.option(fc.string()),
      price: fc.bigInt({ min: -(10n ** 20n), max: 10n ** 20n }).map((unscaled) => {
        const digits = String(unscaled < 0n ? -unscaled : unscaled).padStart(4, '0')
        return `${unscaled < 0n ? '-' : ''}${digits.slice(0, -3)}.${digits.slice(-3)}`
      }),
      at: fc.date({ noInvalidDate: true }),
      flags: fc
        .array(fc.tuple(fc.string(), fc.boolean()))
        .map((pairs) => new Map(Object.entries(Object.fromEntries(pairs)))),
      inner: fc.record({ n: fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0) }),
    })
    fc.assert(
      fc.property(value, (given) => {
        const bytes = written(converter, given, schema)
        const back = converter.readWithSchema!(bytes, 0, bytes.length)
        expect(back.value).toEqual(given)
        expect(JSON.parse(written(converter, back.value, back.schema).toString())).toEqual(JSON.parse(bytes.toString()))
      }),
      { numRuns: 300 },
    )
  })

  it.each(['{"a":1}', '1', '{"schema":{"type":"strange"},"payload":1}', '{"schema":{},"payload":1}'])(
    'refuses %s',
    (text) => {
      const bytes = Buffer.from(text)
      expect(() => converter.read(bytes, 0, bytes.length)).toThrow(/json with schema/)
    },
  )
})
