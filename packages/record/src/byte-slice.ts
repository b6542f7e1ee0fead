import { Buffer } from 'node:buffer'
import type { ByteWritable, ByteWriter } from '@millrace/kernel'

/** A window as three fields, reused from record to record instead of a `subarray` each. */
export class ByteSlice {
  bytes: Buffer
  from: number
  to: number

  constructor(bytes: Buffer = Buffer.alloc(0), from = 0, to = bytes.length) {
    this.bytes = bytes
    this.from = from
    this.to = to
  }

  set(bytes: Buffer, from: number, to: number): this {
    this.bytes = bytes
    this.from = from
    this.to = to
    return this
  }

  /** A copy that outlives the bytes. */
  copy(): Buffer {
    return Buffer.from(this.bytes.subarray(this.from, this.to))
  }
}

/** Bytes copied on as they are: a key or value that nobody has decoded. */
export const byteSlice: ByteWritable<ByteSlice> = {
  write(slice: ByteSlice, into: ByteWriter) {
    into.raw(slice.bytes, slice.from, slice.to)
  },
}

export const bytesOut: ByteWritable<Uint8Array> = {
  write(bytes: Uint8Array, into: ByteWriter) {
    into.raw(bytes)
  },
}

export const utf8Out: ByteWritable<string> = {
  write(text: string, into: ByteWriter) {
    into.utf8(text)
  },
}
