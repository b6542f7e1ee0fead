import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import type * as Snappy from 'snappy'
import { tooLarge } from './too-large.ts'

/**
 * Snappy as Kafka carries it. Java writes the stream of xerial's snappy-java (SnappyOutputStream.java), librdkafka and
 * kafkajs-snappy bare snappy; all of them read both. We write the stream:
 *
 *    0                     8         12           16          20
 *   +---------------------+---------+------------+-----------+---------------- -
 *   | 82 "SNAPPY" 00      | version | compatible | length    | one snappy block …   length and block repeat
 *   +---------------------+---------+------------+-----------+---------------- -
 *
 * Integers are big-endian. A block begins with the size of its contents, an unsigned varint of 32 bits.
 */
const magic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00])
const headerBytes = 16
/** Snappy itself works in pieces of this size; larger blocks pack no better. */
const blockBytes = 65_536

const load = createRequire(import.meta.url)
let loaded: typeof Snappy | undefined

export function snappyCompress(bytes: Buffer): Buffer {
  const header = Buffer.alloc(headerBytes)
  magic.copy(header)
  header.writeInt32BE(1, 8)
  header.writeInt32BE(1, 12)
  const parts: Buffer[] = [header]
  for (let at = 0; at < bytes.length; at += blockBytes) {
    const block = snappy().compressSync(bytes.subarray(at, Math.min(at + blockBytes, bytes.length)))
    const length = Buffer.alloc(4)
    length.writeInt32BE(block.length)
    parts.push(length, block)
  }
  return Buffer.concat(parts)
}

/** Either form. */
export function snappyDecompress(bytes: Buffer, maxBytes: number): Buffer {
  if (bytes.length < headerBytes || !bytes.subarray(0, magic.length).equals(magic)) {
    return decompressBlock(bytes, 0, bytes.length, maxBytes)
  }
  const parts: Buffer[] = []
  let total = 0
  let at = headerBytes
  while (at < bytes.length) {
    const end = blockEnd(bytes, at)
    total += contentBytes(bytes, at + 4, end)
    at = end
  }
  if (total > maxBytes) throw tooLarge(maxBytes)
  for (at = headerBytes; at < bytes.length; at = blockEnd(bytes, at)) {
    parts.push(decompressBlock(bytes, at + 4, blockEnd(bytes, at), maxBytes))
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

function blockEnd(bytes: Buffer, at: number): number {
  if (at + 4 > bytes.length) throw new RangeError(`snappy: the stream ends inside a length, at byte ${at}`)
  const end = at + 4 + bytes.readInt32BE(at)
  if (end < at + 4 || end > bytes.length) throw new RangeError(`snappy: the block at byte ${at} is cut off`)
  return end
}

function decompressBlock(bytes: Buffer, from: number, to: number, maxBytes: number): Buffer {
  if (contentBytes(bytes, from, to) > maxBytes) throw tooLarge(maxBytes)
  const out = snappy().uncompressSync(bytes.subarray(from, to))
  return typeof out === 'string' ? Buffer.from(out) : out
}

/** What a block says it holds. The decoder allocates as much, so it is looked at first. */
function contentBytes(bytes: Buffer, from: number, to: number): number {
  let size = 0
  let scale = 1
  for (let at = from; at < to && at < from + 5; at++) {
    const byte = bytes[at]!
    size += (byte & 0x7f) * scale
    if (byte < 0x80) return size
    scale *= 0x80
  }
  throw new RangeError(`snappy: the block at byte ${from} has no size`)
}

/** The native code, from the first batch on that needs it: 7 MB that most processes never do. */
function snappy(): typeof Snappy {
  if (loaded !== undefined) return loaded
  const native: typeof Snappy = load('snappy')
  loaded = native
  return native
}
