import {
  BatchBuilder,
  BatchCursor,
  ByteSlice,
  baseSequence,
  byteSlice,
  type CodecName,
  isTransactional,
  producerEpoch,
  producerId,
  type ValidBatch,
} from '@millrace/record/internal'

/**
 * The same records under another codec, for a topic whose `compression.type` is not the producer's: one of the three
 * cases
 * in which a batch is encoded again. Costs a walk, and the codec.
 */
export function recode(batch: ValidBatch, codec: CodecName): ValidBatch {
  const builder = new BatchBuilder({ codec, capacityBytes: batch.length })
  const cursor = new BatchCursor().open(batch)
  const slice = new ByteSlice()
  while (cursor.next()) {
    const { bytes, keyFrom, keyTo, valueFrom, valueTo } = cursor
    const value = valueFrom < 0 ? null : slice.set(bytes, valueFrom, valueTo)
    const headers = cursor.headerCount === 0 ? null : bytes.subarray(cursor.headersFrom, cursor.headersTo)
    builder.appendWithKeyBytes(cursor.timestampMs, bytes, keyFrom, keyTo, value, byteSlice, headers)
  }
  return builder.build({
    producerId: producerId(batch),
    producerEpoch: producerEpoch(batch),
    baseSequence: baseSequence(batch),
    transactional: isTransactional(batch),
  })
}
