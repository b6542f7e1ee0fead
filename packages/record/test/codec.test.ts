import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import * as fc from 'fast-check'
import { decompress as fzstdDecompress } from 'fzstd'
import { expect, test } from 'vitest'
import { type Compression, compress, decompress } from '../src/internal.ts'

const snappyjs = createRequire(import.meta.url)('snappyjs')
const codecs: readonly Compression[] = ['gzip', 'snappy', 'lz4', 'zstd']
const all = (codec: Compression, bytes: Buffer, max: number) => decompress(codec, bytes, 0, bytes.length, max)

const contents = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.uint8Array({ minLength: 1000, maxLength: 4000 }),
  // Long runs, past the block sizes of every codec.
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 50 }), fc.integer({ min: 1, max: 20_000 }))
    .map(([piece, times]) => Buffer.alloc(piece.length * times, piece)),
)

test.each(codecs)('%s: round trip, in a window and at the exact bound', (codec) => {
  fc.assert(
    fc.property(contents, (bytes) => {
      const plain = Buffer.concat([Buffer.from('<<'), bytes, Buffer.from('>>')])
      const packed = compress(codec, plain, 2, plain.length - 2)
      const framed = Buffer.concat([Buffer.from('((('), packed, Buffer.from('))')])
      expect(decompress(codec, framed, 3, framed.length - 2, bytes.length).equals(bytes)).toBe(true)
    }),
    { numRuns: 60 },
  )
})

test.each(codecs)('%s: one byte less than it holds is refused', (codec) => {
  fc.assert(
    fc.property(contents, (bytes) => {
      fc.pre(bytes.length > 0)
      const plain = Buffer.from(bytes)
      const packed = compress(codec, plain, 0, plain.length)
      expect(() => all(codec, packed, bytes.length - 1)).toThrow(/holds more than the \d+ bytes allowed/)
    }),
    { numRuns: 60 },
  )
})

test.each(codecs)('%s: a bomb is refused without its memory', (codec) => {
  const bomb = compress(codec, Buffer.alloc(200 << 20), 0, 200 << 20)
  const before = process.memoryUsage().rss
  for (let i = 0; i < 3; i++) expect(() => all(codec, bomb, 1 << 20)).toThrow('1048576 bytes allowed')
  expect(process.memoryUsage().rss - before).toBeLessThan(64 << 20)
})

test.each(codecs)('%s: cut off at any byte is an error', (codec) => {
  const plain = Buffer.from('one two three four five six seven eight nine ten '.repeat(40))
  const packed = compress(codec, plain, 0, plain.length)
  for (let size = 0; size < packed.length; size++) {
    let out: Buffer | undefined
    try {
      out = all(codec, Buffer.from(packed.subarray(0, size)), 1 << 20)
    } catch {
      continue
    }
    // A stream of blocks may end between two; what came out before is then a prefix, and the batch's record count tells.
    expect(plain.subarray(0, out.length).equals(out) && out.length < plain.length, `${size} bytes`).toBe(true)
  }
})

test('zstd: a decoder of other people reads it', () => {
  const plain = Buffer.from('a stream of records '.repeat(30_000))
  expect(Buffer.from(fzstdDecompress(compress('zstd', plain, 0, plain.length))).equals(plain)).toBe(true)
})

test('snappy: bare, as librdkafka writes it, and in the frames of snappy-java', () => {
  const plain = Buffer.from('librdkafka '.repeat(20_000))
  expect(all('snappy', Buffer.from(snappyjs.compress(plain)), plain.length).equals(plain)).toBe(true)
  const framed = compress('snappy', plain, 0, plain.length)
  expect(framed.subarray(0, 16).toString('hex')).toBe('82534e415050590000000001' + '00000001')
  const size = framed.readInt32BE(16)
  expect(Buffer.from(snappyjs.uncompress(framed.subarray(20, 20 + size))).equals(plain.subarray(0, 65_536))).toBe(true)
})

test('lz4: blocks stand alone, as Java demands', () => {
  const flags = compress('lz4', Buffer.alloc(200_000), 0, 200_000)[4]!
  expect(flags >> 6).toBe(1) // version
  expect(flags & 0x20).toBe(0x20) // independent blocks
})

test('lz4: a stored block, as Java writes what does not shrink', () => {
  const frame = Buffer.from('04224d18604082' + '03000080' + '616263' + '00000000', 'hex')
  expect(all('lz4', frame, 3).toString()).toBe('abc')
  expect(() => all('lz4', frame, 2)).toThrow('2 bytes allowed')
})

test('zstd: frames that do not state their size, one after another, with a skippable one between', () => {
  const raw = (text: string) =>
    Buffer.concat([Buffer.from('28b52ffd0058', 'hex'), Buffer.from([(text.length << 3) | 1, 0, 0]), Buffer.from(text)])
  expect(all('zstd', raw('abc'), 3).toString()).toBe('abc')
  expect(() => all('zstd', raw('abc'), 2)).toThrow('2 bytes allowed')
  const skippable = Buffer.from('502a4d18' + '02000000' + 'ffff', 'hex')
  expect(all('zstd', Buffer.concat([raw('abc'), skippable, raw('defg')]), 7).toString()).toBe('abcdefg')
  expect(() => all('zstd', Buffer.concat([raw('abc'), skippable, raw('defg')]), 6)).toThrow('6 bytes allowed')
  const sized = compress('zstd', Buffer.from('abc'), 0, 3)
  expect(() => all('zstd', Buffer.concat([sized, sized, sized]), 4)).toThrow('4 bytes allowed')
  expect(all('zstd', Buffer.concat([sized, sized, sized]), 9).toString()).toBe('abcabcabc')
})

test('zstd: a frame that states a gigabyte is refused before anybody believes it', () => {
  const claims = Buffer.from('28b52ffd' + 'a0' + '00000040' + '190000' + '616263', 'hex')
  expect(() => all('zstd', claims, 1 << 20)).toThrow('its blocks hold at most 3')
})
