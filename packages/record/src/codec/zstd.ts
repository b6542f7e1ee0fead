import { Buffer } from 'node:buffer'
import * as zlib from 'node:zlib'
import { codeOf } from '@millrace/kernel'
import { tooLarge } from './too-large.ts'
import { zstdFrames } from './zstd-frame.ts'

interface ZstdEngine {
  compress(bytes: Buffer): Buffer
  /** One frame. `roomBytes` is enough for what it holds, or the bound if that is less. */
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

/** Frame by frame: of several, Node's own decoder reads the first and drops the rest. */
export function zstdDecompress(bytes: Buffer, maxBytes: number): Buffer {
  const parts: Buffer[] = []
  let left = maxBytes
  for (const { from, to, bound } of zstdFrames(bytes, maxBytes)) {
    const part = decompressFrame(bytes.subarray(from, to), bound, left, maxBytes)
    left -= part.length
    if (left < 0) throw tooLarge(maxBytes)
    parts.push(part)
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts)
}

function decompressFrame(frame: Buffer, bound: number, left: number, maxBytes: number): Buffer {
  try {
    return engine.decompress(frame, Math.min(bound, left))
  } catch (error) {
    throw bound > left ? tooLarge(maxBytes, error) : error
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
    // A frame that states its size is given that much room by the package: the bound has been held against the
    // statement before.
    decompress: (bytes, roomBytes) => view(wasm.decompress(bytes, { defaultHeapSize: roomBytes })),
  }
}

function view(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
