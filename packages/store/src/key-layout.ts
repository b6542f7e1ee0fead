import { Buffer } from 'node:buffer'
import { MillraceError, readInt64, writeInt64 } from '@millrace/kernel'
import { type KeyText, keyText } from './key-text.ts'

/** How a key and its window are written in the engine and in the changelog. Buffers are valid until the next call. */
export interface KeyLayout {
  engineKey(key: KeyText, windowStartMs: number): Buffer
  changelogKey(key: KeyText, windowStartMs: number): Buffer
  /** The parts of an engine key. */
  keyOf(engineKey: Buffer): KeyText
}

/** A buffer that grows, for one key at a time. */
class KeyScratch {
  #bytes = Buffer.allocUnsafeSlow(256)

  take(size: number): Buffer {
    if (size > this.#bytes.length) this.#bytes = Buffer.allocUnsafeSlow(size * 2)
    return this.#bytes.subarray(0, size)
  }
}

/** Tables: the key as it is, in both. */
export function tableLayout(): KeyLayout {
  const scratch = new KeyScratch()
  const plain = (key: KeyText) => {
    const bytes = scratch.take(key.length)
    bytes.latin1Write(key, 0)
    return bytes
  }
  return { engineKey: plain, changelogKey: plain, keyOf: (bytes) => keyText(bytes) }
}

/**
 * Windows. In the engine window first, so that a window is one range and its entries lie together; in the changelog
 * as Kafka's WindowKeySchema.
 *
 *   engine      0  window start, int64 with the sign bit flipped (starts before 1970 sort first)
 *               8  key
 *
 *   changelog   0    key
 *               n    window start, int64
 *               n+8  sequence, int32, always 0
 */
export function windowLayout(): KeyLayout {
  const engine = new KeyScratch()
  const changelog = new KeyScratch()
  return {
    engineKey(key, windowStartMs) {
      const bytes = engine.take(8 + key.length)
      writeStart(bytes, windowStartMs)
      bytes.latin1Write(key, 8)
      return bytes
    },
    changelogKey(key, windowStartMs) {
      const bytes = changelog.take(key.length + 12)
      bytes.latin1Write(key, 0)
      writeInt64(bytes, key.length, windowStartMs)
      bytes.writeInt32BE(0, key.length + 8)
      return bytes
    },
    keyOf: (bytes) => keyText(bytes, 8),
  }
}

/** The first engine key of a window: what bounds its range. */
export function windowPrefix(windowStartMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(8)
  writeStart(bytes, windowStartMs)
  return bytes
}

export function windowStartOf(engineKey: Buffer): number {
  const high = (engineKey.readUInt32BE(0) ^ 0x8000_0000) | 0
  return high * 0x1_0000_0000 + engineKey.readUInt32BE(4)
}

/** Key and window of a changelog key. @throws CORRUPT_MESSAGE when it is too short to be one. */
export function windowOfChangelogKey(bytes: Buffer, store: string): readonly [KeyText, number] {
  const size = bytes.length - 12
  if (size < 0) {
    throw new MillraceError('CORRUPT_MESSAGE', `a window's changelog key has at least 12 bytes, met ${bytes.length}`, {
      place: `store ${store}`,
      fix: 'Check that the topic is the changelog of a window store.',
    })
  }
  return [keyText(bytes, 0, size), readInt64(bytes, size)]
}

function writeStart(bytes: Buffer, windowStartMs: number): void {
  writeInt64(bytes, 0, windowStartMs)
  bytes[0] = bytes[0]! ^ 0x80
}
