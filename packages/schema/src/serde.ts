import type { Buffer } from 'node:buffer'
import type { ByteCodec, ByteWriter } from '@millrace/kernel'

/**
 * Turns a `T` into bytes and back, in place. Must be pure: the same value gives the same bytes, and neither call keeps
 * the buffer it was given. A tombstone (null) never reaches a serde.
 */
export interface Serde<T> extends ByteCodec<T> {
  /** For errors, the topology's fingerprint and `millrace topology`: `string`, `json`, `windowed(string)`. */
  readonly name: string
  /** @throws BAD_RECORD naming the serde, the position and what it met. */
  read(bytes: Buffer, from: number, to: number): T
  /** @throws BAD_RECORD when the value is not one of this serde's. */
  write(value: T, into: ByteWriter): void
  /** A key from the text of a URL path or a command line. Absent: keys of this serde cannot be asked for by text. */
  readonly fromText?: ((text: string) => T) | undefined
  /**
   * True: `write` refuses values that its type allows, so bytes that another serde of this name has read are not
   * copied on
   * in place of writing. Absent: serdes of one name write the same bytes.
   */
  readonly validates?: boolean | undefined
  /** The text that `fromText` reads back. */
  readonly toText?: ((value: T) => string) | undefined
}

/** What a serde carries. */
export type ValueOf<S> = S extends Serde<infer T> ? T : never
