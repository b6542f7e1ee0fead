import { Buffer } from 'node:buffer'
import { ByteReader, ByteWriter } from '@millrace/kernel'

/**
 * lmdb takes keys of 1 to 1,978 bytes; ours may be empty and of any length. How a key is stored, keeping the order of
 * bytes:
 *
 *   empty, or first byte 0     00 ‖ key                      so that nothing is stored under an empty key
 *   else                       key
 *
 *   that up to 1,900 bytes     itself ↦ value
 *   that is longer             its first 1,900 bytes ‖ 00 ↦ bucket of all that begin so
 *
 * 1,901 bytes are always a bucket: it sorts behind the key that is exactly its first 1,900 bytes and before every
 * other.
 *
 *   bucket   sorted by rest: (rest length uint32, rest, value length uint32, value)*
 */
export const STORED_MAX = 1900

export interface BucketEntry {
  readonly rest: Buffer
  readonly value: Buffer
}

/** `key` with the leading zero that it needs. The key itself where it needs none. */
export function shifted(key: Buffer): Buffer {
  if (key.length > 0 && key[0] !== 0) return key
  const out = Buffer.allocUnsafe(key.length + 1)
  out[0] = 0
  out.set(key, 1)
  return out
}

/** The key that was stored so. */
export function unshifted(stored: Buffer): Buffer {
  return stored[0] === 0 ? stored.subarray(1) : stored
}

/** Where the bucket of a long shifted key is stored. */
export function bucketKey(long: Buffer): Buffer {
  const out = Buffer.allocUnsafe(STORED_MAX + 1)
  long.copy(out, 0, 0, STORED_MAX)
  out[STORED_MAX] = 0
  return out
}

/** The first key past every bucket with this key's beginning: an exclusive bound. */
export function afterBucket(long: Buffer): Buffer {
  const out = bucketKey(long)
  out[STORED_MAX] = 1
  return out
}

export function readBucket(bytes: Buffer): BucketEntry[] {
  const reader = new ByteReader(bytes)
  const entries: BucketEntry[] = []
  while (reader.remaining > 0) {
    entries.push({ rest: reader.slice(reader.uint32()), value: reader.slice(reader.uint32()) })
  }
  return entries
}

export function writeBucket(entries: readonly BucketEntry[]): Buffer {
  const writer = new ByteWriter(4096)
  for (const { rest, value } of entries) {
    writer.uint32(rest.length).raw(rest).uint32(value.length).raw(value)
  }
  return writer.take()
}

/** A copy of the bucket with one entry put (or, without a value, deleted). */
export function withEntry(entries: readonly BucketEntry[], rest: Buffer, value: Buffer | null): BucketEntry[] {
  const others = entries.filter((entry) => !entry.rest.equals(rest))
  if (value === null) return others
  const at = others.findIndex((entry) => Buffer.compare(entry.rest, rest) > 0)
  return others.toSpliced(at < 0 ? others.length : at, 0, { rest, value })
}
