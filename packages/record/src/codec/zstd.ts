import { Buffer } from 'node:buffer'
import * as zlib from 'node:zlib'
import { codeOf } from '@millrace/kernel'
import { tooLarge } from './too-large.ts'
import { zstdContentBound } from './zstd-frame.ts'

interface ZstdEngine {
  compress(bytes: Buffer): Buffer
  /** `roomBytes` is enough for what the frames hold, or the bound if that is less. */
  decompress(bytes: Buffer, roomBytes: number): Buffer
}

/** What `node:zlib` has since Node 22.15. */
interface ZstdOfNode {
  zstdCompressSync(bytes: Uint8Array): Buffer
  zstdDecompressSync(bytes: Uint8Array, options: { maxOutputLength: number }): Buffer
}

/** Node's own where it has one, else WebAssembly, compiled once while this module loads (some 5 ms). */
const engine: ZstdEngine = hasZstd(zlib) ? nativeEngine(zlib) : await wasmEngine()

export function zstdCompress(bytes: Buffer): Buffer {
  return engine.compress(bytes)
}

export function zstdDecompress(bytes: Buffer, maxBytes: number): Buffer {
  const bound = zstdContentBound(bytes, maxBytes)
  try {
    return engine.decompress(bytes, Math.min(bound, maxBytes))
  } catch (error) {
    throw bound > maxBytes ? tooLarge(maxBytes, error) : error
  }
}

function hasZstd(node: object): node is ZstdOfNode {
  return 'zstdCompressSync' in node && 'zstdDecompressSync' in node
}

function nativeEngine(node: ZstdOfNode): ZstdEngine {
  return {
    compress: (bytes) => node.zstdCompressSync(bytes),
    decompress(bytes, roomBytes) {
      try {
        return node.zstdDecompressSync(bytes, { maxOutputLength: Math.max(roomBytes, 1) })
      } catch (error) {
        throw codeOf(error) === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(roomBytes, error) : error
      }
    },
  }
}

async function wasmEngine(): Promise<ZstdEngine> {
  const wasm = await import('@bokuweb/zstd-wasm')
  await wasm.init()
  return {
    compress: (bytes) => view(wasm.compress(bytes)),
    // A frame that states its size is given that much room by the package: the bound has been held against the statement before.
    decompress: (bytes, roomBytes) => view(wasm.decompress(bytes, { defaultHeapSize: roomBytes })),
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
