import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { ByteReader, ByteWriter, ShortBytesError } from '../src/index.ts'

const edges = [
  0,
  1,
  63,
  64,
  127,
  128,
  8191,
  8192,
  2 ** 30,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32,
  2 ** 49,
  2 ** 52,
  2 ** 53 - 1,
]
const wholeNumbers = fc.oneof(fc.constantFrom(...edges, ...edges.map((n) => -n)), fc.maxSafeInteger(), fc.integer())

/** The obvious zig-zag varint, in bigints. */
function slowVarint(value: number): string {
  let raw = value < 0 ? -BigInt(value) * 2n - 1n : BigInt(value) * 2n
  const bytes: number[] = []
  for (; raw > 0x7fn; raw >>= 7n) bytes.push(Number(raw & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(raw)]).toString('hex')
}

test('varints are the obvious ones and come back, every safe integer of them', () => {
  fc.assert(
    fc.property(wholeNumbers, (value) => {
      const written = new ByteWriter(1).varint(value).take()
      expect(written.toString('hex')).toBe(slowVarint(value))
      const reader = new ByteReader(written)
      expect(reader.varint()).toBe(value === 0 ? 0 : value)
      expect(reader.remaining).toBe(0)
    }),
    { numRuns: 2000 },
  )
})

test('unsigned varints come back', () => {
  fc.assert(
    fc.property(fc.oneof(fc.constantFrom(...edges), fc.maxSafeNat()), (value) => {
      const written = new ByteWriter(1).uvarint(value).take()
      expect(new ByteReader(written).uvarint()).toBe(value)
    }),
  )
})

test('a varint that does not end, or does not fit, is an error', () => {
  expect(() => new ByteReader(Buffer.from('ff', 'hex')).uvarint()).toThrow(ShortBytesError)
  expect(() => new ByteReader(Buffer.from('ff', 'hex')).varint()).toThrow(ShortBytesError)
  expect(() => new ByteReader(Buffer.alloc(12, 0xff)).uvarint()).toThrow('53 bits')
  expect(() => new ByteReader(Buffer.alloc(12, 0xff)).varint()).toThrow('53 bits')
})

test('fixed widths are big-endian and come back', () => {
  const out = new ByteWriter(1)
  out
    .int8(-2)
    .int16(-3)
    .uint16(65_535)
    .int32(-4)
    .uint32(4_294_967_295)
    .int64(-5)
    .int64(2 ** 53 - 1)
    .float64(0.1)
  expect(out.view().toString('hex')).toBe(
    'fe' + 'fffd' + 'ffff' + 'fffffffc' + 'ffffffff' + 'fffffffffffffffb' + '001fffffffffffff' + '3fb999999999999a',
  )
  const reader = new ByteReader(out.take())
  const found = [
    reader.int8(),
    reader.int16(),
    reader.uint16(),
    reader.int32(),
    reader.uint32(),
    reader.int64(),
    reader.int64(),
  ]
  expect([...found, reader.float64()]).toEqual([-2, -3, 65_535, -4, 4_294_967_295, -5, 2 ** 53 - 1, 0.1])
  expect(() => new ByteReader(Buffer.from('0020000000000000', 'hex')).int64()).toThrow('2^53')
})

test('text is what Buffer makes of it, whatever room there was', () => {
  const unit = fc.constantFrom('a', 'é', '€', '😀', '\ud800', '\udc00', '\u0000', '\u07ff', '\u0800', '\uffff')
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 60 }), fc.nat(200), fc.nat(40), (units, capacity, before) => {
      const text = units.join('')
      const out = new ByteWriter(capacity)
      out.raw(Buffer.alloc(before, 1)).utf8(text).int8(7)
      const expected = Buffer.concat([Buffer.alloc(before, 1), Buffer.from(text), Buffer.from([7])])
      expect(out.take().equals(expected)).toBe(true)
    }),
    { numRuns: 3000 },
  )
})

test('text that fills the buffer to its last byte', () => {
  for (const text of ['x'.repeat(100), '€'.repeat(33), '😀'.repeat(25), 'é'.repeat(50)]) {
    const size = Buffer.byteLength(text)
    for (let capacity = 1; capacity < size + 12; capacity++) {
      expect(new ByteWriter(capacity).utf8(text).take().toString(), `${capacity} bytes`).toBe(text)
    }
  }
})

test('raw copies a window, short and long, and growing keeps what was written', () => {
  const source = Buffer.from(Array.from({ length: 200 }, (_, i) => i))
  const out = new ByteWriter(1)
  const expected: Buffer[] = []
  for (const [from, to] of [
    [0, 0],
    [3, 9],
    [0, 200],
    [10, 42],
    [10, 43],
    [199, 200],
  ] as const) {
    out.raw(source, from, to)
    expected.push(source.subarray(from, to))
  }
  expect(out.view().equals(Buffer.concat(expected))).toBe(true)
  expect(out.reset().position).toBe(0)
})

test('no read goes past the end of a window', () => {
  const bytes = Buffer.from('0102030405060708', 'hex')
  const reads: readonly ((reader: ByteReader) => unknown)[] = [
    (reader) => reader.int16(),
    (reader) => reader.int32(),
    (reader) => reader.int64(),
    (reader) => reader.float64(),
    (reader) => reader.slice(2),
    (reader) => reader.utf8(2),
    (reader) => reader.skip(2),
    (reader) => reader.slice(-1),
  ]
  for (const read of reads) expect(() => read(new ByteReader(bytes, 2, 3))).toThrow(ShortBytesError)
  const window = new ByteReader(bytes, 2, 4)
  expect([window.int8(), window.utf8(1), window.remaining]).toEqual([3, '\u0004', 0])
})
