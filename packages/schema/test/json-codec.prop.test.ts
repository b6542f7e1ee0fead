import { Buffer } from 'node:buffer'
import { ByteWriter, codeOf } from '@millrace/kernel'
import { json } from '@millrace/schema'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { JsonDecoder } from '../src/json-decoder.ts'
import { JsonEncoder } from '../src/json-encoder.ts'

const runs = { numRuns: 300 }

/** Values as people have them, with the corners of JSON strewn in. */
const scalar = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.integer(),
  fc.double(),
  fc.maxSafeInteger(),
  fc.boolean(),
  fc.constantFrom(
    null,
    -0,
    0,
    1e21,
    1e-7,
    12.5,
    123456789012,
    2 ** 53,
    -1e9,
    1e15,
    '\u2028',
    '\ud800',
    'Zürich',
    '"',
    '\\',
  ),
)
const flat = fc.dictionary(
  fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom('__proto__', 'a"b', '1', 'é', 'toJSON')),
  scalar,
  {
    maxKeys: 6,
  },
)
const nested = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(fc.string({ maxLength: 4 }), tie('value'), { maxKeys: 4 }),
  ),
})).value

function decodedTwice(decoder: JsonDecoder, bytes: Buffer): unknown[] {
  // In the middle of other records, as in a batch: what lies around must not matter.
  const around = Buffer.concat([Buffer.from('{"x":1'), bytes, Buffer.from(',"y":2}"]}')])
  return [0, 1, 2].map(() => decoder.decode(around, 6, 6 + bytes.length))
}

function encoded(encoder: JsonEncoder, value: unknown): string | undefined {
  const writer = new ByteWriter(1)
  writer.utf8('before')
  return encoder.encode(value, writer) ? writer.view(6).toString() : undefined
}

describe('decoding equals JSON.parse', () => {
  test('for texts that JSON.stringify wrote, spaced or not, again and again', () => {
    const decoder = new JsonDecoder()
    fc.assert(
      fc.property(fc.oneof(flat, nested), fc.constantFrom(undefined, 1, '\t'), (value, space) => {
        const text = JSON.stringify(value, undefined, space)
        for (const got of decodedTwice(decoder, Buffer.from(text))) expect(got).toStrictEqual(JSON.parse(text))
      }),
      runs,
    )
  })

  test('for a shape seen before with other values in it', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(scalar, scalar, nested), { minLength: 2, maxLength: 12 }), (rows) => {
        const decoder = new JsonDecoder()
        for (const [a, b, c] of rows) {
          const text = JSON.stringify({ a, in: { b }, c })
          expect(decoder.decode(Buffer.from(text), 0, Buffer.byteLength(text))).toStrictEqual(JSON.parse(text))
        }
      }),
      runs,
    )
  })

  test('for texts that are damaged: the same value, or an error from both', () => {
    const decoder = new JsonDecoder()
    const samples = [
      '{"a":12.5,"b":"xy","c":{"d":null,"e":[1,2]}}',
      '{"a":-0,"b":true,"c":1e5}',
      '[1,{"a":2}]',
      '-12',
      '"é"',
    ]
    for (const sample of samples) decoder.decode(Buffer.from(sample), 0, Buffer.byteLength(sample))
    fc.assert(
      fc.property(
        fc.constantFrom(...samples),
        fc.nat(60),
        fc.oneof(fc.constantFrom(...'{}[]",:\\.0-+eE1 tfn\n'), fc.string({ unit: 'binary', maxLength: 2 })),
        fc.nat(2),
        (sample, at, put, cut) => {
          const text = sample.slice(0, at) + put + sample.slice(at + cut)
          const bytes = Buffer.from(text)
          expect(outcome(() => decoder.decode(bytes, 0, bytes.length))).toStrictEqual(
            outcome(() => JSON.parse(bytes.toString())),
          )
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('for bytes that are not UTF-8', () => {
    const decoder = new JsonDecoder()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 8 }), (inside) => {
        const bytes = Buffer.concat([Buffer.from('{"a":"'), inside, Buffer.from('","b":1}')])
        const both = [bytes, bytes].map((b) => outcome(() => decoder.decode(b, 0, b.length)))
        expect(both[0]).toStrictEqual(outcome(() => JSON.parse(bytes.toString())))
        expect(both[1]).toStrictEqual(both[0])
      }),
      { numRuns: 1000 },
    )
  })

  test('duplicate keys, __proto__, key order and deep nesting', () => {
    const deep = `${'['.repeat(3000)}${']'.repeat(3000)}`
    for (const text of [
      '{"a":1,"a":2}',
      '{"__proto__":{"x":1},"b":2}',
      '{"b":1,"a":2,"1":3}',
      `{"a":${deep}}`,
      '{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}',
    ]) {
      const decoder = new JsonDecoder()
      for (const got of decodedTwice(decoder, Buffer.from(text))) {
        expect(JSON.stringify(got)).toBe(JSON.stringify(JSON.parse(text)))
        expect(Object.getPrototypeOf(got)).toBe(Object.prototype)
      }
    }
  })

  test('ordinary records do not fall back', () => {
    const decoder = new JsonDecoder()
    const count = 1000
    for (let i = 0; i < count; i++) {
      const record = {
        date: '2001-01-01T00:01:00Z',
        delay: i - 5,
        mean: i / 8,
        origin: 'ATL',
        city: 'Zürich',
        ok: i % 2 === 0,
        at: { lat: i / 16, alt: null },
        tags: ['a', i],
      }
      const text = JSON.stringify(record)
      expect(decoder.decode(Buffer.from(text), 0, Buffer.byteLength(text))).toStrictEqual(record)
    }
    expect(decoder.speculation.hits).toBe(count - 1)
  })
})

describe('encoding equals JSON.stringify', () => {
  test('for any value, again and again', () => {
    const encoder = new JsonEncoder()
    fc.assert(
      fc.property(
        fc.oneof(flat, nested, fc.object({ withDate: true, withMap: true, withNullPrototype: true })),
        (value) => {
          for (let i = 0; i < 3; i++) expect(encoded(encoder, value)).toBe(JSON.stringify(value))
        },
      ),
      runs,
    )
  })

  test('for a shape seen before with other values in it', () => {
    const odd = fc.constantFrom<unknown>(
      undefined,
      Symbol('s'),
      () => 1,
      new Date(0),
      [undefined],
      { toJSON: (key: string) => key },
      new Map(),
      Object(1),
      Number.NaN,
    )
    const part = fc.oneof(scalar, nested, odd)
    fc.assert(
      fc.property(fc.array(fc.tuple(part, part, part), { minLength: 2, maxLength: 12 }), (rows) => {
        const encoder = new JsonEncoder()
        for (const [a, b, c] of rows) {
          const value = { a, in: { b, c: { d: c } } }
          expect(encoded(encoder, value)).toBe(JSON.stringify(value))
        }
      }),
      runs,
    )
  })

  test('classes, inherited and hidden properties, getters and keys that come and go', () => {
    class Point {
      x = 1
      y = 2
      get sum() {
        return this.x + this.y
      }
    }
    class Named extends Point {
      toJSON() {
        return `${this.x}`
      }
    }
    const hidden = Object.defineProperty({ a: 1, b: 2 }, 'b', { enumerable: false })
    const inherits = Object.assign(Object.create({ a: 9 }), { b: 2 })
    const values = [
      new Point(),
      new Point(),
      new Named(),
      hidden,
      { a: 1, b: 2 },
      inherits,
      { b: 2, a: 1 },
      { a: 1 },
      { a: 1, b: 2, c: 3 },
    ]
    const encoder = new JsonEncoder()
    for (const value of [...values, ...values, ...values]) expect(encoded(encoder, value)).toBe(JSON.stringify(value))
  })

  test('what JSON cannot hold is a BAD_RECORD and leaves nothing written', () => {
    const cyclic: Record<string, unknown> = { a: 1 }
    cyclic['self'] = cyclic
    for (const value of [{ a: 1n }, cyclic, undefined]) {
      const serde = json<unknown>()
      const writer = new ByteWriter()
      for (let i = 0; i < 3; i++) expect(codeOf(thrown(() => serde.write(value, writer)))).toBe('BAD_RECORD')
      expect(writer.position).toBe(0)
    }
  })
})

test('data without a shape is given up, and a shape that comes later is learnt', () => {
  const decoder = new JsonDecoder()
  const decode = (value: unknown) => {
    const text = JSON.stringify(value)
    return decoder.decode(Buffer.from(text), 0, Buffer.byteLength(text))
  }
  for (let i = 0; i < 2000; i++) expect(decode({ [`k${i}`]: i })).toStrictEqual({ [`k${i}`]: i })
  expect(decoder.speculation.drifts).toBeGreaterThan(0)
  expect(decoder.speculation.drifts).toBeLessThan(5)
  for (let i = 0; i < 10_000; i++) decode({ id: i, name: 'n' })
  expect(decoder.speculation.hits).toBeGreaterThan(5000)
})

test('an error names the byte and what was met', () => {
  const bytes = Buffer.from('xx{"é":1,"b":?}')
  const error = thrown(() => json().read(bytes, 2, bytes.length))
  expect(codeOf(error)).toBe('BAD_RECORD')
  expect(String(error)).toContain('json at byte 14')
  expect(String(error)).toContain('"?"')
  expect(String(thrown(() => json().read(bytes, 2, 8)))).toContain('ends too early')
  expect(String(thrown(() => json().read(bytes, 0, 0)))).toContain('is empty')
})

function outcome(run: () => unknown): unknown {
  try {
    return { value: run() }
  } catch {
    return 'error'
  }
}

function thrown(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  throw new Error('nothing was thrown')
}
