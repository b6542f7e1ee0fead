import { Buffer } from 'node:buffer'
import { SimRandom } from '@millrace/kernel/sim'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { KeyDigest } from '../src/cleaner/key-digest.ts'
import { OffsetMap } from '../src/cleaner/offset-map.ts'

describe('the digest', () => {
  test('is that of the reference implementation', () => {
    const digest = new KeyDigest(Int32Array.of(0x833d3433, 0x009f389f, 0x2398e64f, 0x417acf39), 8)
    const words = new Int32Array(4)
    const expected = [
      [0x792e8fe5, 0x75ce87aa, 0x2d1450b5, 0x1191970b],
      [0x13a9307b, 0x50e62c89, 0x4577bd88, 0xc0bbdc18],
    ]
    expected.forEach((wanted, length) => {
      digest.digest(Buffer.from(Array.from({ length }, (_, i) => i)), 0, length, words)
      expect([...words].map((word) => word >>> 0)).toEqual(wanted)
    })
  })

  test('tells texts apart that differ in one bit, or in length', () => {
    const digest = new KeyDigest(Int32Array.of(1, 2, 3, 4))
    const seen = new Set<string>()
    const add = (bytes: Buffer) => {
      const words = new Int32Array(4)
      digest.digest(bytes, 0, bytes.length, words)
      seen.add(words.join())
    }
    let count = 0
    for (let length = 0; length < 66; length++) {
      add(Buffer.alloc(length))
      count++
      for (let bit = 0; bit < length * 8; bit++) {
        const bytes = Buffer.alloc(length)
        bytes[bit >> 3] = 1 << (bit & 7)
        add(bytes)
        count++
      }
    }
    expect(seen.size).toBe(count)
  })
})

describe('the map', () => {
  const key = fc.oneof(
    fc.uint8Array({ maxLength: 3 }),
    fc.uint8Array({ minLength: 13, maxLength: 18 }),
    fc.constantFrom(...[0, 1, 2, 3].map((i) => Buffer.from(`a key of more than sixteen bytes ${i}`))),
  )

  test('knows what a Map knows, until it is full', () => {
    const puts = fc.array(fc.tuple(key, fc.integer({ min: 0, max: 1000 })), { maxLength: 200 })
    fc.assert(
      fc.property(puts, key, fc.integer({ min: 1536, max: 6000 }), fc.integer(), (entries, other, bytesMax, seed) => {
        const random = new SimRandom(seed)
        const map = new OffsetMap({ bytesMax, loadFactor: 0.9, entriesExpected: 1e6, random })
        const slow = new Map<string, number>()
        for (const [bytes, offset] of entries) {
          const text = Buffer.from(bytes).toString('hex')
          const scratch = Buffer.concat([Buffer.from('xy'), bytes, Buffer.from('z')])
          const taken = map.put(scratch, 2, 2 + bytes.length, offset)
          expect(taken).toBe(slow.has(text) || slow.size < map.entriesMax)
          if (taken) slow.set(text, offset)
        }
        expect(map.size).toBe(slow.size)
        for (const [bytes] of [...entries, [other] as const]) {
          const known = slow.get(Buffer.from(bytes).toString('hex')) ?? -1
          expect(map.get(Buffer.from(bytes), 0, bytes.length)).toBe(known)
        }
      }),
      { numRuns: 200 },
    )
  })

  test('takes no more memory than it may, nor than it needs', () => {
    const random = new SimRandom(1)
    const entries = (bytesMax: number, entriesExpected: number) =>
      new OffsetMap({ bytesMax, loadFactor: 0.9, entriesExpected, random }).entriesMax
    expect(entries(24 * 1024, 1e9)).toBe(Math.floor(1024 * 0.9))
    expect(entries(128 * 1024 * 1024, 100)).toBeLessThan(256)
    expect(entries(128 * 1024 * 1024, 100)).toBeGreaterThanOrEqual(100)
  })
})
