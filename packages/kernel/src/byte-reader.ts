import type { Buffer } from 'node:buffer'
import type {} from './buffer-methods.ts'
import { readInt64 } from './byte-writer.ts'

/** The bytes ended, or a length in them points past their end. Names the byte. */
export class ShortBytesError extends RangeError {
  override readonly name = 'ShortBytesError'
  readonly code = 'CORRUPT_MESSAGE'
}

/** A cursor over borrowed bytes. Every read is checked against `end`; slices are windows, not copies. */
export class ByteReader {
  bytes: Buffer
  position: number
  end: number

  constructor(bytes: Buffer, from = 0, to = bytes.length) {
    this.bytes = bytes
    this.position = from
    this.end = to
  }

  get remaining(): number {
    return this.end - this.position
  }

  int8(): number {
    return this.bytes.readInt8(this.#take(1))
  }

  int16(): number {
    return this.bytes.readInt16BE(this.#take(2))
  }

  uint16(): number {
    return this.bytes.readUInt16BE(this.#take(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.#take(4))
  }

  uint32(): number {
    return this.bytes.readUInt32BE(this.#take(4))
  }

  /** @throws RangeError outside ±2^53. */
  int64(): number {
    return readInt64(this.bytes, this.#take(8))
  }

  float64(): number {
    return this.bytes.readDoubleBE(this.#take(8))
  }

  /** Unsigned varint. @throws RangeError past 2^53 or without an end. */
  uvarint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.bytes[this.#take(1)]!
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break
        return value
      }
      scale *= 0x80
    }
    throw new ShortBytesError(`the varint before byte ${this.position} does not fit 53 bits`)
  }

  /** Zig-zag varint: Kafka's `varint` and `varlong`. */
  varint(): number {
    const first = this.bytes[this.#take(1)]!
    // The sign is the lowest bit, and a double could not hold it beside 53 others.
    const magnitude = ((first & 0x7f) >>> 1) + (first < 0x80 ? 0 : this.uvarint() * 0x40)
    if (!Number.isSafeInteger(magnitude)) {
      throw new ShortBytesError(`the varint before byte ${this.position} does not fit 53 bits`)
    }
    return (first & 1) === 0 ? magnitude : -magnitude - 1
  }

  /** A window on the next `size` bytes. */
  slice(size: number): Buffer {
    const at = this.#take(size)
    return this.bytes.subarray(at, at + size)
  }

  utf8(size: number): string {
    const at = this.#take(size)
    return this.bytes.utf8Slice(at, at + size)
  }

  skip(size: number): void {
    this.#take(size)
  }

  #take(size: number): number {
    const at = this.position
    if (size < 0 || at + size > this.end) {
      throw new ShortBytesError(`${size} bytes wanted at byte ${at}, ${this.end - at} are left`)
    }
    this.position = at + size
    return at
  }
}
