import { Buffer } from 'node:buffer'
import { KiB, MiB, MillraceError } from '@millrace/kernel'

/** Kafka's `socket.request.max.bytes`. */
export const defaultFrameBytesMax = 100 * MiB

const sizeBytes = 4
/** A frame up to this size gets its whole buffer at once; a larger one must first show that its bytes come. */
const trustedBytes = 1 * MiB
/** Frames up to this size share Node's buffer pool. */
const pooledBytes = 2 * KiB

/** Where a frame's memory comes from: a buffer of `bytes`, whatever it holds. */
export type FrameMemory = (bytes: number) => Buffer

/**
 * Cuts a byte stream into frames (an int32 size, then that many bytes), however the stream is chunked. Each frame is an
 * own copy, without its size: whoever receives it may keep it.
 */
export class FrameSplitter {
  /** A larger frame is refused when its size is read. May be changed between frames. */
  frameBytesMax: number
  readonly #place: string
  readonly #memory: FrameMemory
  readonly #head = Buffer.alloc(sizeBytes)
  #headBytes = 0
  #size = 0
  #frame: Buffer | undefined
  #filled = 0
  #error: MillraceError | undefined

  /** @param place names the peer in errors. */
  constructor(place: string, frameBytesMax: number = defaultFrameBytesMax, memory: FrameMemory = ownMemory) {
    this.#place = place
    this.#memory = memory
    this.frameBytesMax = frameBytesMax
  }

  /** Bytes of a frame that has begun and not ended. 0 between frames. */
  get pendingBytes(): number {
    return this.#headBytes + this.#filled
  }

  /**
   * Takes borrowed bytes and calls `deliver` for each frame that they complete. After an error the stream is lost, and
   * every further call throws the same error.
   *
   * @throws INVALID_REQUEST for a size that is negative or above the bound, before anything of that size is allocated.
   */
  push(chunk: Buffer, deliver: (frame: Buffer) => void): void {
    if (this.#error !== undefined) throw this.#error
    let at = 0
    while (at < chunk.length) {
      if (this.#headBytes < sizeBytes) {
        at = this.#takeHead(chunk, at)
        if (this.#headBytes < sizeBytes) return
      }
      at = this.#takeBody(chunk, at)
      if (this.#filled < this.#size) return
      const frame = this.#frame ?? Buffer.alloc(0)
      this.#headBytes = 0
      this.#filled = 0
      this.#frame = undefined
      deliver(frame)
    }
  }

  #takeHead(chunk: Buffer, from: number): number {
    let at = from
    while (at < chunk.length && this.#headBytes < sizeBytes) this.#head[this.#headBytes++] = chunk[at++]!
    if (this.#headBytes === sizeBytes) {
      this.#size = this.#head.readInt32BE(0)
      if (this.#size < 0 || this.#size > this.frameBytesMax) {
        this.#error = this.#refused()
        throw this.#error
      }
    }
    return at
  }

  #takeBody(chunk: Buffer, at: number): number {
    const taken = Math.min(chunk.length - at, this.#size - this.#filled)
    const frame = this.#room(this.#filled + taken)
    chunk.copy(frame, this.#filled, at, at + taken)
    this.#filled += taken
    return at + taken
  }

  /** A buffer that holds `needed` bytes of this frame: whole if small, else doubling as the bytes really come. */
  #room(needed: number): Buffer {
    const held = this.#frame
    if (held !== undefined && held.length >= needed) return held
    const capacity = Math.min(this.#size, Math.max(needed, trustedBytes, (held?.length ?? 0) * 2))
    const larger = this.#memory(capacity)
    held?.copy(larger, 0, 0, this.#filled)
    this.#frame = larger
    return larger
  }

  #refused(): MillraceError {
    const unsigned = this.#head.readUInt32BE(0)
    return new MillraceError(
      'INVALID_REQUEST',
      `a frame of ${unsigned} bytes is announced, the limit is ${this.frameBytesMax}`,
      { place: this.#place, fix: guess(this.#head) },
    )
  }
}

function ownMemory(bytes: number): Buffer {
  return bytes <= pooledBytes ? Buffer.allocUnsafe(bytes) : Buffer.allocUnsafeSlow(bytes)
}

/** What the first bytes of a stream that is not Kafka's usually are. */
function guess(head: Buffer): string {
  if (head[0] === 0x16 && head[1] === 0x03) return 'This is a TLS handshake: one side speaks TLS, the other does not.'
  const text = head.toString('latin1')
  if (/^(GET |POST|PUT |HEAD|HTTP)/.test(text)) return 'This is HTTP: the address or port is wrong.'
  return 'The peer speaks another protocol, or the stream is damaged.'
}
