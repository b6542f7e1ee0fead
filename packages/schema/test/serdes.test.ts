import { Buffer } from 'node:buffer'
import { ByteWriter, codeOf } from '@millrace/kernel'
import {
  boolean,
  bytes,
  checkConnectValue,
  connectSchema,
  connectSchemaFromJson,
  durationMs,
  integer,
  json,
  jsonSchemaOf,
  long,
  number,
  type Serde,
  string,
  windowed,
} from '@millrace/schema'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'

/** Bytes as Kafka's own serializers give them. */
const golden: [string, () => Buffer, string][] = [
  ['StringSerializer', () => written(string(), 'Zürich'), '5ac3bc72696368'],
  ['IntegerSerializer', () => written(integer(), -2), 'fffffffe'],
  ['LongSerializer', () => written(long(), 1_700_000_000_000), '0000018bcfe56800'],
  ['DoubleSerializer', () => written(number(), 12.5), '4029000000000000'],
  ['BooleanSerializer', () => written(boolean(), true), '01'],
  ['ByteArraySerializer', () => written(bytes(), Buffer.from([1, 2])), '0102'],
  [
    'TimeWindowedSerializer',
    () => written(windowed(string(), { minutes: 1 }), { key: 'ATL', start: 60_000, end: 120_000 }),
    '41544c000000000000ea60',
  ],
]

test.each(golden)('bytes are those of %s', (_, make, hex) => {
  expect(make().toString('hex')).toBe(hex)
})

describe('what is written reads back, also as text', () => {
  const cases = <T>(serde: Serde<T>, values: fc.Arbitrary<T>) =>
    test(serde.name, () => {
      fc.assert(
        fc.property(values, (value) => {
          const around = Buffer.concat([Buffer.from('x'), written(serde, value), Buffer.from('y')])
          expect(serde.read(around, 1, around.length - 1)).toStrictEqual(value)
          expect(serde.fromText?.(serde.toText?.(value) ?? '')).toStrictEqual(value)
        }),
      )
    })
  cases(string(), fc.string({ unit: 'grapheme' }))
  cases(integer(), fc.integer())
  cases(long(), fc.maxSafeInteger())
  cases(
    number(),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
  )
  cases(boolean(), fc.boolean())
  cases(
    bytes(),
    fc.uint8Array().map((array) => Buffer.from(array)),
  )
  cases(
    json<unknown>(),
    fc.jsonValue().map((value): unknown => JSON.parse(JSON.stringify(value))),
  )
  cases(
    windowed(string(), { seconds: 10 }),
    fc
      .tuple(
        fc.string({ unit: 'grapheme' }),
        fc.maxSafeInteger().map((start) => (start / 4) | 0),
      )
      .map(([key, start]) => ({
        key,
        start,
        end: start + 10_000,
      })),
  )
})

describe('what does not fit is a BAD_RECORD', () => {
  const refused: [string, () => unknown][] = [
    ['an integer that is fractional', () => written(integer(), 1.5)],
    ['an integer past 32 bits', () => written(integer(), 2 ** 31)],
    ['a long past 2^53', () => written(long(), 2 ** 53)],
    ['a long of 4 bytes', () => long().read(Buffer.alloc(4), 0, 4)],
    ['a long that no number holds', () => long().read(Buffer.from('7fffffffffffffff', 'hex'), 0, 8)],
    ['an integer of 8 bytes', () => integer().read(Buffer.alloc(8), 0, 8)],
    ['a number of 4 bytes', () => number().read(Buffer.alloc(4), 0, 4)],
    ['a boolean of 2', () => boolean().read(Buffer.from([2]), 0, 1)],
    ['a window key without a window', () => windowed(string(), { ms: 1 }).read(Buffer.alloc(7), 0, 7)],
    ['a key text without a window', () => windowed(string(), { ms: 1 }).fromText?.('ATL')],
    ['a key text that is no number', () => long().fromText?.('12a')],
    ['a key text that is no hex', () => bytes().fromText?.('abc')],
  ]
  test.each(refused)('%s', (_, run) => expect(codeOf(thrown(run))).toBe('BAD_RECORD'))
})

describe('json with a JSON Schema', () => {
  const serde = json<{ delay: number }>({
    schema: { type: 'object', properties: { delay: { type: 'integer', maximum: 9999 } }, required: ['delay'] },
  })

  test('passes what matches, both ways', () => {
    const text = written(serde, { delay: 5 })
    expect(serde.read(text, 0, text.length)).toStrictEqual({ delay: 5 })
  })

  test('refuses the rest and names the path', () => {
    const bad = Buffer.from('{"delay":"late"}')
    const error = thrown(() => serde.read(bad, 0, bad.length))
    expect(codeOf(error)).toBe('BAD_RECORD')
    expect(String(error)).toMatch(/json\/delay: must be integer \(got "late"\)/)
    expect(codeOf(thrown(() => written(serde, { delay: 10_000 })))).toBe('BAD_RECORD')
  })

  test('a schema that ajv cannot compile and a misspelt option are CONFIG', () => {
    expect(codeOf(thrown(() => json({ schema: { type: 'objekt' } })))).toBe('CONFIG')
    const misspelt: object = { shema: {} }
    expect(String(thrown(() => json(misspelt)))).toContain('Did you mean schema?')
  })

  test('freeze makes what is read immutable, deeply', () => {
    const value = json<{ a: { b: number[] } }>({ freeze: true }).read(Buffer.from('{"a":{"b":[1]}}'), 0, 15)
    expect(() => value.a.b.push(2)).toThrow(TypeError)
  })
})

describe('Connect schemas', () => {
  const schema = connectSchema.struct(
    {
      id: connectSchema.int64(),
      small: connectSchema.int8({ optional: true }),
      price: connectSchema.decimal(2),
      at: connectSchema.timestamp({ doc: 'when' }),
      tags: connectSchema.array(connectSchema.string()),
      counts: connectSchema.map(connectSchema.string(), connectSchema.int32()),
    },
    { name: 'shop.Order', version: 3 },
  )
  const order = {
    id: 2n ** 60n,
    small: null,
    price: '-12.50',
    at: new Date(0),
    tags: ['a'],
    counts: new Map([['a', 1]]),
  }

  test('a value that fits passes', () => {
    checkConnectValue(schema, order)
    checkConnectValue(schema, { ...order, small: 127, counts: { a: 1 } })
  })

  const wrong: [string, Record<string, unknown>][] = [
    ['value.id', { id: 2n ** 63n }],
    ['value.small', { small: 128 }],
    ['value.price', { price: '1.234' }],
    ['value.price', { price: 12.5 }],
    ['value.at', { at: 0 }],
    ['value.tags[1]', { tags: ['a', 1] }],
    ['value.counts["b"]', { counts: { b: 1.5 } }],
    ['value.stray', { stray: 1 }],
    ['value.id', { id: undefined }],
  ]
  test.each(wrong)('%s is named in the error', (path, change) => {
    const error = thrown(() => checkConnectValue(schema, { ...order, ...change }))
    expect(codeOf(error)).toBe('BAD_RECORD')
    expect(String(error)).toContain(`${path}: `)
  })

  test('through JSON Schema and back is the same schema', () => {
    expect(connectSchemaFromJson(jsonSchemaOf(schema))).toStrictEqual(schema)
  })

  test("a user's JSON Schema becomes columns", () => {
    const made = connectSchemaFromJson({
      type: 'object',
      properties: { origin: { type: 'string' }, delay: { type: ['integer', 'null'] }, mean: { type: 'number' } },
      required: ['origin', 'delay'],
    })
    expect(made.fields).toStrictEqual([
      { name: 'origin', schema: { type: 'string' } },
      { name: 'delay', schema: { type: 'int64', optional: true } },
      { name: 'mean', schema: { type: 'float64', optional: true } },
    ])
    expect(codeOf(thrown(() => connectSchemaFromJson({ anyOf: [{ type: 'string' }, { type: 'number' }] })))).toBe(
      'CONFIG',
    )
  })
})

test('durations are sums, and nonsense is refused by name', () => {
  expect(durationMs({ minutes: 1, seconds: 30 }, 'size')).toBe(90_000)
  for (const bad of [{}, { seconds: -1 }, { hours: 0.5 }])
    expect(codeOf(thrown(() => durationMs(bad, 'size')))).toBe('CONFIG')
})

function written<T>(serde: Serde<T>, value: T): Buffer {
  const writer = new ByteWriter(1)
  serde.write(value, writer)
  return writer.take()
}

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
