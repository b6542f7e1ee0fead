import type { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import type * as Lz4 from 'lz4-napi'
import { tooLarge } from './too-large.ts'

/**
 * LZ4 frames, as Kafka carries them since magic 2 (lz4/doc/lz4_Frame_format.md):
 *
 *   magic 04 22 4d 18 | FLG | BD | contentSize? 8 | dictionaryId? 4 | HC
 *   | { size 4 LE, block, checksum? 4 } … | 0 4 | checksum? 4
 *
 * FLG: version 2 bits, independent blocks, block checksums, content size, content checksum, reserved, dictionary id.
 * The top bit of a block's size says that it is stored as it is.
 */
const frameMagic = 0x184d2204
const flag = { dictionaryId: 0x01, contentChecksum: 0x04, contentSize: 0x08, blockChecksum: 0x10 } as const

const load = createRequire(import.meta.url)
let loaded: typeof Lz4 | undefined

export function lz4Compress(bytes: Buffer): Buffer {
  return lz4().compressFrameSync(bytes)
}

export function lz4Decompress(bytes: Buffer, maxBytes: number): Buffer {
  if (contentBytes(bytes, maxBytes) > maxBytes) throw tooLarge(maxBytes)
  return lz4().decompressFrameSync(bytes)
}

/** The native code, from the first batch on that needs it: 5 MB that most processes never do. */
function lz4(): typeof Lz4 {
  if (loaded !== undefined) return loaded
  const native: typeof Lz4 = load('lz4-napi')
  loaded = native
  return native
}

/**
 * What the frame holds, found from its block lengths and where those leave doubt from the sequences in them, without
 * writing a byte: the decoder takes no bound of its own. Stops counting past `maxBytes`.
 */
function contentBytes(bytes: Buffer, maxBytes: number): number {
  if (bytes.length < 7 || bytes.readUInt32LE(0) !== frameMagic) throw new RangeError('lz4: not a frame')
  const flags = bytes[4]!
  const blockMax = 1 << (8 + 2 * ((bytes[5]! >> 4) & 0x07))
  let at = 7 + ((flags & flag.contentSize) === 0 ? 0 : 8) + ((flags & flag.dictionaryId) === 0 ? 0 : 4)
  const afterBlock = (flags & flag.blockChecksum) === 0 ? 0 : 4
  let total = 0
  while (total <= maxBytes) {
    if (at + 4 > bytes.length) throw new RangeError('lz4: the frame is cut off')
    const stated = bytes.readUInt32LE(at)
    at += 4
    if (stated === 0) {
      const end = at + ((flags & flag.contentChecksum) === 0 ? 0 : 4)
      if (end !== bytes.length) throw new RangeError(`lz4: ${bytes.length - end} bytes are left over`)
      return total
    }
    const size = stated & 0x7fff_ffff
    const stored = stated > 0x7fff_ffff
    if (at + size + afterBlock > bytes.length) throw new RangeError(`lz4: the block at byte ${at} is cut off`)
    if (stored) total += size
    else total += total + blockMax <= maxBytes ? blockMax : blockContentBytes(bytes, at, at + size)
    at += size + afterBlock
  }
  return total
}

/** Sums literals and matches of one block (lz4/doc/lz4_Block_format.md). */
function blockContentBytes(bytes: Buffer, from: number, to: number): number {
  let total = 0
  let at = from
  while (at < to) {
    const token = bytes[at++]!
    let literals = token >> 4
    if (literals === 15) {
      let more: number
      do {
        more = bytes[at++] ?? 0
        literals += more
      } while (more === 255)
    }
    at += literals
    total += literals
    if (at >= to) break // the last sequence has no match
    at += 2
    let match = (token & 0x0f) + 4
    if (match === 19) {
      let more: number
      do {
        more = bytes[at++] ?? 0
        match += more
      } while (more === 255)
    }
    total += match
  }
  return total
}
