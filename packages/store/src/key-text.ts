import { Buffer } from 'node:buffer'
import type {} from '@millrace/kernel'

declare const brand: unique symbol

/**
 * The bytes of a serialised key as a latin1 string: one character a byte. What caches are keyed by; equal bytes,
 * equal text.
 */
export type KeyText = string & { readonly [brand]: 'latin1' }

/** One copy; never keeps `bytes` alive. */
export function keyText(bytes: Buffer, from = 0, to = bytes.length): KeyText {
  return bytes.latin1Slice(from, to) as KeyText
}

export function keyBytes(text: KeyText): Buffer {
  return Buffer.from(text, 'latin1')
}
