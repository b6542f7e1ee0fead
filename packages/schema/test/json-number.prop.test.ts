import { Buffer } from 'node:buffer'
import { ByteWriter } from '@millrace/kernel'
import { json } from '@millrace/schema'
import fc from 'fast-check'
import { expect, test } from 'vitest'

const written = (value: number): string => {
  const serde = json<{ price: number }>()
  const out = new ByteWriter(64)
  for (let i = 0; i < 3; i++) {
    out.reset()
    serde.write({ price: value }, out) // the second time the shape is known
  }
  return Buffer.from(out.view()).toString()
}

const same = (value: number): void => {
  expect(written(value)).toBe(JSON.stringify({ price: value }))
}

test('numbers of up to three decimals are written as JSON.stringify writes them', () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_100_000_000, max: 1_100_000_000 }), (k) => same(k / 1000)),
    { numRuns: 5000 },
  )
})

test('so are cents times a rate, and any other double', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 100_000_000 }), (cents) => same(cents * 0.908)),
    { numRuns: 2000 },
  )
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), same), { numRuns: 5000 })
})

test.each([0.001, 0.1, -0.5, 1.05, 999_999.999, -999_999.999, 1e-7, 0.1 + 0.2, 1_000_000.5, -0])('%d', (value) => {
  same(value)
})
