/**
 * Record batch, magic 2; integers big-endian. The checksum covers everything from `attributes` on.
 * Source: Apache Kafka, docs/implementation/message-format.md.
 *
 *    0            8        12            16      17      21           23                27
 *   +------------+--------+-------------+-------+-------+------------+-----------------+---------------
 *   | baseOffset | length | leaderEpoch | magic | crc   | attributes | lastOffsetDelta | baseTimestamp …
 *   +------------+--------+-------------+-------+-------+------------+-----------------+---------------
 *    35             43           51              53             57            61
 *   +--------------+------------+---------------+--------------+-------------+-----------
 *   | maxTimestamp | producerId | producerEpoch | baseSequence | recordCount | records …
 *   +--------------+------------+---------------+--------------+-------------+-----------
 *
 * `length` counts the bytes after itself, so a batch occupies `length + 12`. Compressed records are one block.
 */
export const batchField = {
  baseOffset: 0,
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const

/** Bytes before the first record. */
export const batchHeaderBytes = batchField.records

/** Bits of `attributes`. */
export const attribute = {
  codecMask: 0x07,
  logAppendTime: 0x08,
  transactional: 0x10,
  control: 0x20,
  hasDeleteHorizon: 0x40,
} as const

/** Compression by name, as `compression.type` writes it. */
export const codecId = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 } as const
export type CodecName = keyof typeof codecId
