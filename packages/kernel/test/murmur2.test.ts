import { describe, expect, it } from 'vitest'
import { murmur2, partitionOfKey } from '../src/murmur2.ts'

/** From Kafka's UtilsTest.testMurmur2. */
const javaVectors: readonly (readonly [string, number])[] = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
]

describe('murmur2', () => {
  it.each(javaVectors)('of %s is what Java computes', (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash)
  })

  it('of three letters is what Java computes', () => {
    expect(murmur2(Buffer.from('abc'))).toBe(479470107)
  })

  it('agrees with a plain reading of the algorithm in 64-bit arithmetic, for every length', () => {
    for (let size = 0; size < 70; size++) {
      const key = Buffer.from(Array.from({ length: size }, (_, i) => (i * 89 + size * 31) & 0xff))
      expect(murmur2(key)).toBe(plainMurmur2(key))
    }
  })

  it('cuts the sign off', () => {
    expect(partitionOfKey(Buffer.from('21'), 1000)).toBe((-973932308 & 0x7fffffff) % 1000)
  })
})

function plainMurmur2(data: Buffer): number {
  const mask = 0xffffffffn
  const m = 0x5bd1e995n
  let h = 0x9747b28cn ^ BigInt(data.length)
  let at = 0
  for (; data.length - at >= 4; at += 4) {
    let k = BigInt(data.readUInt32LE(at))
    k = (k * m) & mask
    k ^= k >> 24n
    k = (k * m) & mask
    h = ((h * m) & mask) ^ k
  }
  const rest = data.subarray(at)
  for (let i = rest.length - 1; i >= 0; i--) h ^= BigInt(rest[i]!) << BigInt(8 * i)
  if (rest.length > 0) h = (h * m) & mask
  h ^= h >> 13n
  h = (h * m) & mask
  h ^= h >> 15n
  return Number(BigInt.asIntN(32, h))
}
