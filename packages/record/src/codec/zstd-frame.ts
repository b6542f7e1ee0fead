import type { Buffer } from 'node:buffer'
import { tooLarge } from './too-large.ts'

/**
 * Zstandard frames (RFC 8878, 3.1.1). Java's producer streams, so its frames do not state what they hold:
 *
 *   magic 28 b5 2f fd | descriptor | window? | dictionaryId? 0-4 | contentSize? 0-8
 *   | { header 3 LE, block } … | checksum? 4
 *
 * descriptor: bits 7-6 width of contentSize, 5 single segment (no window), 2 checksum, 1-0 width of dictionaryId.
 * block header: bit 0 last, bits 2-1 type (0 raw, 1 one byte repeated, 2 compressed), bits 23-3 size.
 */
const frameMagic = 0xfd2fb528
const skippableMagic = 0x184d2a50
/** No block holds more than this (RFC 8878, 3.1.1.2.4). */
const blockContentMax = 131_072
const dictionaryIdWidths = [0, 1, 2, 4]

/** One frame of a stream of them. */
export interface ZstdFrame {
  readonly from: number
  readonly to: number
  /** The most that it can hold, found from its header and its blocks' without decompressing. */
  readonly bound: number
}

/**
 * The frames in the bytes, skippable ones left out.
 *
 * @throws RangeError when a frame states more than `maxBytes` or more than its blocks can hold, is cut off, or is none.
 */
export function zstdFrames(bytes: Buffer, maxBytes: number): ZstdFrame[] {
  const frames: ZstdFrame[] = []
  let at = 0
  while (at < bytes.length) {
    const magic = at + 8 <= bytes.length ? bytes.readUInt32LE(at) : 0
    if ((magic & 0xffff_fff0) >>> 0 === skippableMagic) {
      at += 8 + bytes.readUInt32LE(at + 4)
      if (at > bytes.length) throw cutOff(at)
    } else if (magic === frameMagic) {
      const frame = frameAt(bytes, at, maxBytes)
      frames.push(frame)
      at = frame.to
    } else {
      throw new RangeError(`zstd: no frame at byte ${at}`)
    }
  }
  return frames
}

function frameAt(bytes: Buffer, from: number, maxBytes: number): ZstdFrame {
  const descriptor = bytes[from + 4]!
  const sizeFlag = descriptor >> 6
  const single = (descriptor & 0x20) !== 0
  let at = from + 5 + (single ? 0 : 1) + dictionaryIdWidths[descriptor & 0x03]!
  const sizeWidth = sizeFlag === 0 ? (single ? 1 : 0) : 1 << sizeFlag
  if (at + sizeWidth > bytes.length) throw cutOff(at)
  const stated = sizeWidth === 0 ? -1 : readSize(bytes, at, sizeWidth)
  at += sizeWidth

  let bound = 0
  let last = false
  while (!last) {
    if (at + 3 > bytes.length) throw cutOff(at)
    const header = bytes.readUIntLE(at, 3)
    const type = (header >> 1) & 0x03
    const size = header >> 3
    if (type === 3) throw new RangeError(`zstd: the block at byte ${at} has a reserved type`)
    last = (header & 1) === 1
    at += 3 + (type === 1 ? 1 : size)
    if (at > bytes.length) throw cutOff(at)
    bound += type === 2 ? blockContentMax : size
  }
  at += (descriptor & 0x04) === 0 ? 0 : 4
  if (at > bytes.length) throw cutOff(at)
  if (stated > bound) throw new RangeError(`zstd: a frame states ${stated} bytes, its blocks hold at most ${bound}`)
  if (stated > maxBytes) throw tooLarge(maxBytes)
  return { from, to: at, bound: stated < 0 ? bound : stated }
}

function readSize(bytes: Buffer, at: number, width: number): number {
  switch (width) {
    case 1:
      return bytes[at]!
    case 2:
      return bytes.readUInt16LE(at) + 256
    case 4:
      return bytes.readUInt32LE(at)
    default:
      return bytes.readUInt32LE(at) + bytes.readUInt32LE(at + 4) * 0x1_0000_0000
  }
}

function cutOff(at: number): RangeError {
  return new RangeError(`zstd: the bytes end before byte ${at}`)
}
