import type { Buffer } from 'node:buffer'
import { crc32c } from '@node-rs/crc32'
import { attribute, batchField, batchHeaderBytes, codecId } from './batch-format.ts'
import { corruptBatch } from './corrupt-batch.ts'
import type { BatchPlace, ValidBatch } from './valid-batch.ts'

/** Bytes of a batch before `length` starts to count. */
const beforeLength = batchField.length + 4

const codecMax = Math.max(...Object.values(codecId))

/** 2^21: a high half at or above it, or below its negative, is outside the safe integers. */
const safeHigh = 0x20_0000

/**
 * The checked door: the only way to a `ValidBatch` out of bytes that came from a disk or a peer. Takes exactly the
 * batch that fills `bytes[from, to)` and returns a window on it, no copy. Costs one CRC-32C pass.
 *
 * Records are not looked at: `BatchCursor` checks them as it walks, `checkRecords` all at once.
 *
 * @throws CORRUPT_MESSAGE naming `place` for a wrong size, magic, checksum, count, codec or a number that does not fit
 *   53 bits.
 */
export function openBatch(bytes: Buffer, from: number, to: number, place: BatchPlace): ValidBatch {
  const size = to - from
  if (size < batchHeaderBytes)
    throw corruptBatch(place, `${size} bytes cannot hold a batch header of ${batchHeaderBytes}.`)
  const magic = bytes.readInt8(from + batchField.magic)
  if (magic !== 2) throw corruptBatch(place, `Magic is ${magic}; only 2 is read (Kafka 0.11 and later).`)
  const stated = bytes.readInt32BE(from + batchField.length) + beforeLength
  if (stated !== size) throw corruptBatch(place, `The batch says it has ${stated} bytes, it has ${size}.`)

  const stored = bytes.readUInt32BE(from + batchField.crc)
  const computed = crc32c(bytes.subarray(from + batchField.attributes, to))
  if (stored !== computed) throw corruptBatch(place, `CRC-32C stored ${hex(stored)}, computed ${hex(computed)}.`)

  checkHeader(bytes, from, place)
  return validBatch(bytes, from, to)
}

/** What the checksum cannot promise: that its maker wrote sense. Makes the accessors of a `ValidBatch` total. */
function checkHeader(bytes: Buffer, from: number, place: BatchPlace): void {
  const codec = bytes.readInt16BE(from + batchField.attributes) & attribute.codecMask
  if (codec > codecMax) throw corruptBatch(place, `Codec ${codec} is unknown.`)
  const count = bytes.readInt32BE(from + batchField.recordCount)
  if (count < 0) throw corruptBatch(place, `The record count is ${count}.`)
  // A cleaned batch may hold fewer records than offsets, also none; never more.
  const lastDelta = bytes.readInt32BE(from + batchField.lastOffsetDelta)
  if (lastDelta < 0 || count > lastDelta + 1) {
    throw corruptBatch(place, `${count} records cannot lie in ${lastDelta + 1} offsets.`)
  }
  // The base offset may be what a producer left there, but past the last safe integer no offset can follow.
  if (bytes.readInt32BE(from + batchField.baseOffset) < 0) throw corruptBatch(place, 'The base offset is negative.')
  checkSafe(bytes, from + batchField.baseOffset, 'base offset', place)
  checkSafe(bytes, from + batchField.baseTimestamp, 'base timestamp', place)
  checkSafe(bytes, from + batchField.maxTimestamp, 'max timestamp', place)
  checkSafe(bytes, from + batchField.producerId, 'producer id', place)
}

function checkSafe(bytes: Buffer, at: number, name: string, place: BatchPlace): void {
  const high = bytes.readInt32BE(at)
  if (high >= safeHigh || high < -safeHigh) {
    throw corruptBatch(place, `The ${name} ${bytes.readBigInt64BE(at)} does not fit 53 bits.`)
  }
}

/**
 * Size of the batch that begins at `at`, or -1 when its last byte is not before `to`: the tail of a fetch, or of a
 * file.
 *
 * @throws CORRUPT_MESSAGE for a length that no batch can have.
 */
export function batchBytesAt(
  bytes: Buffer,
  at: number,
  to: number,
  place: BatchPlace = { source: 'bytes', position: at },
): number {
  if (to - at < beforeLength) return -1
  const size = bytes.readInt32BE(at + batchField.length) + beforeLength
  if (size < batchHeaderBytes) throw corruptBatch(place, `A batch of ${size} bytes is shorter than its header.`)
  return at + size > to ? -1 : size
}

/**
 * Every whole batch of a fetched buffer, checked. A torn last one is left out: a fetch may cut it. @throws
 * CORRUPT_MESSAGE
 */
export function openBatches(bytes: Buffer, place: BatchPlace): ValidBatch[] {
  const batches: ValidBatch[] = []
  let at = 0
  while (at < bytes.length) {
    const here = { source: place.source, position: place.position + at }
    const size = batchBytesAt(bytes, at, bytes.length, here)
    if (size < 0) break
    batches.push(openBatch(bytes, at, at + size, here))
    at += size
  }
  return batches
}

/** A window known to hold one checked batch. For this package's own makers of batches. */
export function validBatch(bytes: Buffer, from: number, to: number): ValidBatch {
  return bytes.subarray(from, to) as ValidBatch
}

function hex(value: number): string {
  return `0x${value.toString(16).padStart(8, '0')}`
}
