import type { Buffer } from 'node:buffer'
import { MillraceError, messageOf, readInt64 } from '@millrace/kernel'
import { batchField, batchHeaderBytes } from '@millrace/record/internal'

/** The header of a batch in a file: what is needed to step over it. */
export interface BatchStep {
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly maxTimestampMs: number
  readonly leaderEpoch: number
}

const beforeLength = batchField.length + 4

/** Bytes of the batch at `at`, as its header says. */
export function batchBytes(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at + batchField.length) + beforeLength
}

/**
 * The header at `at`, of bytes that were read up to `to`.
 *
 * @param from where in the file it stands, and how long the file is
 * @throws CORRUPT_FILE when it cannot be one
 */
export function readStep(
  bytes: Buffer,
  at: number,
  to: number,
  from: { readonly path: string; readonly position: number; readonly segmentBytes: number },
): BatchStep {
  const { path, position } = from
  if (at + batchHeaderBytes > to) throw corruptSegment(path, position, 'The file ends inside a batch header.')
  const sizeBytes = batchBytes(bytes, at)
  const magic = bytes.readInt8(at + batchField.magic)
  if (magic !== 2 || sizeBytes < batchHeaderBytes || position + sizeBytes > from.segmentBytes) {
    throw corruptSegment(path, position, `No batch begins here (magic ${magic}, ${sizeBytes} bytes).`)
  }
  try {
    const baseOffset = readInt64(bytes, at)
    const last = baseOffset + bytes.readInt32BE(at + batchField.lastOffsetDelta)
    const maxTimestampMs = readInt64(bytes, at + batchField.maxTimestamp)
    const leaderEpoch = bytes.readInt32BE(at + batchField.leaderEpoch)
    return { position, sizeBytes, baseOffset, lastOffset: last, maxTimestampMs, leaderEpoch }
  } catch (error) {
    throw corruptSegment(path, position, error)
  }
}

/** Whether these bytes are the header of a batch that ends with `last` and has `bytesMax` at most. Never throws. */
export function endsWith(bytes: Buffer, last: number, bytesMax: number): boolean {
  const magic = bytes.readInt8(batchField.magic)
  const high = bytes.readInt32BE(0)
  if (magic !== 2 || high < 0 || high >= 0x20_0000) return false
  const size = batchBytes(bytes, 0)
  if (size < batchHeaderBytes || size > bytesMax) return false
  return readInt64(bytes, 0) + bytes.readInt32BE(batchField.lastOffsetDelta) === last
}

/** Bytes in a segment that no append has written. */
export function corruptSegment(path: string, position: number, cause: unknown): MillraceError {
  const detail = typeof cause === 'string' ? cause : messageOf(cause)
  return new MillraceError('CORRUPT_FILE', detail, {
    place: `${path}:${position}`,
    fix: 'Restore the partition from a copy, or delete its directory to begin anew.',
    cause,
  })
}
