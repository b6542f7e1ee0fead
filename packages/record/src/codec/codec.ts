import type { Buffer } from 'node:buffer'
import { MiB } from '@millrace/kernel'
import type { CodecName } from '../batch-format.ts'
import { gunzip, gzip } from './gzip.ts'
import { lz4Compress, lz4Decompress } from './lz4-frame.ts'
import { snappyCompress, snappyDecompress } from './snappy-xerial.ts'
import { tooLarge } from './too-large.ts'
import { zstdCompress, zstdDecompress } from './zstd.ts'

export type Compression = Exclude<CodecName, 'none'>

/**
 * What a batch may hold decompressed unless a caller says otherwise. Kafka has no such bound; a megabyte can then name
 * a gigabyte.
 */
export const defaultDecompressedBytesMax = 128 * MiB

/**
 * Compresses `bytes[from, to)` into bytes of their own. Synchronous: a batch is small, and a thread pool would reorder.
 */
export function compress(codec: Compression, bytes: Buffer, from: number, to: number): Buffer {
  return compressors[codec](bytes.subarray(from, to))
}

/**
 * Decompresses `bytes[from, to)`.
 *
 * @throws RangeError when it holds more than `maxBytes`, known before more than that is allocated; what the codec
 *   throws for bytes it cannot read.
 */
export function decompress(codec: Compression, bytes: Buffer, from: number, to: number, maxBytes: number): Buffer {
  const out = decompressors[codec](bytes.subarray(from, to), maxBytes)
  if (out.length > maxBytes) throw tooLarge(maxBytes)
  return out
}

const compressors: Readonly<Record<Compression, (bytes: Buffer) => Buffer>> = {
  gzip,
  snappy: snappyCompress,
  lz4: lz4Compress,
  zstd: zstdCompress,
}

const decompressors: Readonly<Record<Compression, (bytes: Buffer, maxBytes: number) => Buffer>> = {
  gzip: gunzip,
  snappy: snappyDecompress,
  lz4: lz4Decompress,
  zstd: zstdDecompress,
}
