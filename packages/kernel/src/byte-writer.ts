import { Buffer } from 'node:buffer'
import type {} from './buffer-methods.ts'

/** Something that can write a `T` in place. A `Serde` is one; so is a ready slice of bytes. */
export interface ByteWritable<T> {
  /** Appends the bytes of `value` at `into.position`. Must not keep `into` or its buffer. */
  write(value: T, into: ByteWriter): void
}

/** Writes a `T` and reads it back. `Serde` of `@millrace/schema` is one. Neither call keeps the buffer it was given. */
export interface ByteCodec<T> extends ByteWritable<T> {
  read(bytes: Buffer, from: number, to: number): T
}

/**
 * Up to here a loop over the units beats a call of Node's own method: at 10 characters twice, at 20 they meet (Node
 * 20).
 */
const shortText = 16

/**
 * A growing buffer with a cursor. Integers are big-endian, as everywhere in Kafka.
 *
 * `bytes` is replaced when it grows: read it again after any call that may have reserved. Hot writers call
 * `reserve(n)` once, write into `bytes` at the returned position and set `position` themselves when they used less.
 */
export class ByteWriter {
  bytes: Buffer
  position = 0

  constructor(capacity = 256) {
    this.bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** Makes room for `size` bytes, moves the cursor past them and returns where they begin. */
  reserve(size: number): number {
    const at = this.position
    const end = at + size
    if (end > this.bytes.length) this.#grow(end)
    this.position = end
    return at
  }

  int8(value: number): this {
    const at = this.reserve(1)
    this.bytes.writeInt8(value, at)
    return this
  }

  int16(value: number): this {
    const at = this.reserve(2)
    this.bytes.writeInt16BE(value, at)
    return this
  }

  uint16(value: number): this {
    const at = this.reserve(2)
    this.bytes.writeUInt16BE(value, at)
    return this
  }

  int32(value: number): this {
    const at = this.reserve(4)
    this.bytes.writeInt32BE(value, at)
    return this
  }

  uint32(value: number): this {
    const at = this.reserve(4)
    this.bytes.writeUInt32BE(value, at)
    return this
  }

  /** A safe integer as 64 bits. */
  int64(value: number): this {
    const at = this.reserve(8)
    writeInt64(this.bytes, at, value)
    return this
  }

  float64(value: number): this {
    const at = this.reserve(8)
    this.bytes.writeDoubleBE(value, at)
    return this
  }

  /** Unsigned base-128 varint of a value below 2^53. */
  uvarint(value: number): this {
    let rest = value
    let at = this.reserve(8)
    while (rest > 0x7fffffff) {
      this.bytes[at++] = (rest % 0x80) | 0x80
      rest = Math.floor(rest / 0x80)
    }
    while (rest > 0x7f) {
      this.bytes[at++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.bytes[at++] = rest
    this.position = at
    return this
  }

  /** Zig-zag varint of a safe integer: Kafka's `varint` and `varlong`. */
  varint(value: number): this {
    if (value === (value | 0)) return this.uvarint(((value << 1) ^ (value >> 31)) >>> 0)
    // The sign is the lowest bit, and a double could not hold it beside 53 others: the lowest seven bits go out first.
    const magnitude = value < 0 ? -value - 1 : value
    const at = this.reserve(1)
    this.bytes[at] = ((magnitude % 0x40) << 1) | (value < 0 ? 1 : 0) | 0x80
    return this.uvarint(Math.floor(magnitude / 0x40))
  }

  /** UTF-8, no length in front. Costs no pass to measure the text. */
  utf8(text: string): this {
    if (text.length <= shortText && this.#ascii(text)) return this
    const at = this.reserve(text.length + 4)
    const written = this.bytes.utf8Write(text, at)
    // Text that is not ASCII takes more bytes than units. It is whole if the longest character would still have fitted.
    if (written === text.length || at + written + 4 <= this.bytes.length) {
      this.position = at + written
      return this
    }
    this.position = at
    this.reserve(Buffer.byteLength(text))
    this.bytes.utf8Write(text, at)
    return this
  }

  raw(source: Uint8Array, from = 0, to = source.length): this {
    const at = this.reserve(to - from)
    if (to - from <= 24) for (let i = from, j = at; i < to; i++, j++) this.bytes[j] = source[i]!
    else this.bytes.set(from === 0 && to === source.length ? source : source.subarray(from, to), at)
    return this
  }

  /** A copy of what was written, so that the writer can be reused at once. */
  take(): Buffer {
    const out = Buffer.allocUnsafeSlow(this.position)
    this.bytes.copy(out, 0, 0, this.position)
    this.position = 0
    return out
  }

  /** The written bytes without a copy; valid until the next write. */
  view(from = 0): Buffer {
    return this.bytes.subarray(from, this.position)
  }

  reset(): this {
    this.position = 0
    return this
  }

  /**
   * Writes short text unit by unit, which beats a call out of JavaScript; false, and nothing written, where it is not
   * ASCII.
   */
  #ascii(text: string): boolean {
    const at = this.reserve(text.length)
    const bytes = this.bytes
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) {
        this.position = at
        return false
      }
      bytes[at + i] = unit
    }
    return true
  }

  #grow(end: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, end))
    this.bytes.copy(larger, 0, 0, this.position)
    this.bytes = larger
  }
}

/** Writes a safe integer as 64 bits. Two's complement; no bigint is made. */
export function writeInt64(bytes: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  bytes.writeInt32BE(high, at)
  bytes.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}

/** Reads 64 bits as a safe integer. @throws RangeError outside ±2^53. */
export function readInt64(bytes: Buffer, at: number): number {
  const value = bytes.readInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4)
  if (!Number.isSafeInteger(value)) throw new RangeError(`the 64-bit integer at byte ${at} exceeds 2^53`)
  return value
}
