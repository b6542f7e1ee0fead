import { Buffer } from 'node:buffer'
import { ByteWriter } from '@millrace/kernel'
import { zeroUuid } from '../fields.ts'
import { FieldFault } from './field-fault.ts'

/** Bytes to send, in order. Batches are the caller's own buffers, not copies. */
export interface Frame {
  readonly pieces: readonly Uint8Array[]
  /** All pieces together, the four bytes of the size included. */
  readonly size: number
}

const sizeBytes = 4

/**
 * Writes one frame: everything but the batches goes into a buffer that is reused from frame to frame; each batch is
 * noted with the place where it belongs.
 */
export class MessageWriter {
  readonly bytes = new ByteWriter(4096)
  readonly #batches: Uint8Array[] = []
  readonly #cuts: number[] = []

  begin(): void {
    this.bytes.reset().reserve(sizeBytes)
    this.#batches.length = 0
    this.#cuts.length = 0
  }

  /** A batch by reference. */
  batch(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#cuts.push(this.bytes.position)
    this.#batches.push(bytes)
  }

  get batchCount(): number {
    return this.#batches.length
  }

  string16(text: string): void {
    const at = this.bytes.reserve(2)
    this.bytes.utf8(text)
    const size = this.bytes.position - at - 2
    if (size > 0x7fff) throw new FieldFault('INVALID_REQUEST', `${size} bytes of text, the limit is 32767`)
    this.bytes.bytes.writeInt16BE(size, at)
  }

  compactString(text: string): void {
    if (text.length > 41) {
      this.bytes.uvarint(Buffer.byteLength(text) + 1).utf8(text)
      return
    }
    const at = this.bytes.reserve(1) // at most 123 bytes follow: their length fits one
    this.bytes.utf8(text)
    this.bytes.bytes[at] = this.bytes.position - at
  }

  uuid(text: string): void {
    const at = this.bytes.reserve(16)
    if (text === zeroUuid) {
      this.bytes.bytes.fill(0, at, at + 16)
      return
    }
    const written = text.length === 22 ? this.bytes.bytes.write(text, at, 16, 'base64url') : 0
    if (written !== 16) throw new FieldFault('INVALID_REQUEST', `"${text}" is not a UUID in base64`)
  }

  /** What `body` writes, with its size in front as a varint. The body holds no batch. */
  sized(body: () => void): void {
    const from = this.bytes.position
    body()
    const size = this.bytes.position - from
    const prefix = uvarintBytes(size)
    this.bytes.reserve(prefix)
    this.bytes.bytes.copyWithin(from + prefix, from, from + size)
    this.bytes.position = from
    this.bytes.uvarint(size)
    this.bytes.position = from + prefix + size
  }

  /** The frame as it is to be sent; the writer may be reused at once. */
  end(): Frame {
    let size = this.bytes.position
    for (const batch of this.#batches) size += batch.length
    this.bytes.bytes.writeInt32BE(size - sizeBytes, 0)
    const own = Buffer.allocUnsafe(this.bytes.position)
    this.bytes.bytes.copy(own, 0, 0, this.bytes.position)
    if (this.#batches.length === 0) return { pieces: [own], size }
    const pieces: Uint8Array[] = []
    let from = 0
    for (let i = 0; i < this.#batches.length; i++) {
      const cut = this.#cuts[i]!
      if (cut > from) pieces.push(own.subarray(from, cut))
      pieces.push(this.#batches[i]!)
      from = cut
    }
    if (from < own.length) pieces.push(own.subarray(from))
    this.#batches.length = 0 // keep no batch alive until the next frame
    return { pieces, size }
  }
}

function uvarintBytes(value: number): number {
  let bytes = 1
  for (let rest = value; rest > 0x7f; rest >>>= 7) bytes++
  return bytes
}
