import { ByteWriter } from '@millrace/kernel'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { JsonColumnWriter, writeInteger } from '../src/json-writing.ts'

it('values are written as JSON.stringify writes them', () => {
  const writer = new JsonColumnWriter('plain')
  const into = new ByteWriter(1)
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      writer.write(value, into.reset())
      expect(into.take().toString()).toBe(JSON.stringify(value))
    }),
    { numRuns: 1000 },
  )
})

it('whole numbers are written digit by digit', () => {
  const into = new ByteWriter(1)
  const edges = [0, -0, 9, 10, -1, 999_999_999, 1_000_000_000, 2_147_483_647, 2_147_483_648, -2_147_483_648]
  const numbers = fc.oneof(fc.constantFrom(...edges), fc.maxSafeInteger())
  fc.assert(
    fc.property(numbers, (value) => {
      writeInteger(value, into.reset())
      expect(into.take().toString()).toBe(JSON.stringify(value))
    }),
    { numRuns: 1000 },
  )
})
