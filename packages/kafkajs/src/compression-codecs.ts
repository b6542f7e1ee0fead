import type { Buffer } from 'node:buffer'
import { CompressionTypes } from './resource-types.ts'

/** What a codec for kafkajs looks like. */
export interface CompressionCodec {
  compress(encoder: { buffer: Buffer }): Promise<Buffer>
  decompress(buffer: Buffer): Promise<Buffer>
}

const builtIn = (): never => {
  throw new Error('This codec is part of the client: it is used without being asked for here.')
}

/**
 * Where programs register codecs that kafkajs does not bring. All are built in here: what is registered is kept, and not
 * used.
 */
export const CompressionCodecs: Record<Exclude<CompressionTypes, 0>, () => CompressionCodec> = {
  [CompressionTypes.GZIP]: builtIn,
  [CompressionTypes.Snappy]: builtIn,
  [CompressionTypes.LZ4]: builtIn,
  [CompressionTypes.ZSTD]: builtIn,
}
