import { kafkaError, type MillraceError } from '@millrace/kernel'
import { batchField } from './batch-format.ts'
import type { BatchPlace, ValidBatch } from './valid-batch.ts'

/** `segment:position: A batch failed its checksum or is malformed. <detail> [CORRUPT_MESSAGE]`. */
export function corruptBatch(place: BatchPlace, detail: string, cause?: unknown): MillraceError {
  return kafkaError('CORRUPT_MESSAGE', `${place.source}:${place.position}`, detail, cause)
}

/** For what is found past the door: the checksum was right, so whoever made the batch made it wrong. */
export function malformedRecord(batch: ValidBatch, detail: string, cause?: unknown): MillraceError {
  const base = batch.readBigInt64BE(batchField.baseOffset)
  return kafkaError('CORRUPT_MESSAGE', `batch at offset ${base}`, detail, cause)
}
