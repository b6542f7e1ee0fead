import { Buffer } from 'node:buffer'
import * as zstd from '@bokuweb/zstd-wasm'
import kafkajs from 'kafkajs'
import snappy from 'kafkajs-snappy'
import { compressFrame, decompressFrame } from 'lz4-napi'

/** What kafkajs asks of a codec: it hands over an encoder of its own, with the bytes in `buffer`. */
interface Encoded {
  readonly buffer: Buffer
}

const { CompressionCodecs, CompressionTypes } = kafkajs

/** Plugs the codecs that kafkajs does not bring into it, from packages that need no compiler. */
export async function plugCodecs(): Promise<void> {
  await zstd.init()
  CompressionCodecs[CompressionTypes.Snappy] = snappy
  CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: async ({ buffer }: Encoded) => Buffer.from(await compressFrame(buffer)),
    decompress: async (bytes: Buffer) => Buffer.from(await decompressFrame(bytes)),
  })
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async ({ buffer }: Encoded) => Buffer.from(zstd.compress(buffer)),
    decompress: async (bytes: Buffer) => Buffer.from(zstd.decompress(bytes)),
  })
}
