import { type Offset, offset, readInt64, writeInt64 } from '@millrace/kernel'
import { crc32c } from '@node-rs/crc32'
import { attribute, batchField, type CodecName, codecId } from './batch-format.ts'
import type { ValidBatch } from './valid-batch.ts'

const codecNames = Object.keys(codecId) as readonly CodecName[]

export function baseOffset(batch: ValidBatch): Offset {
  return offset(readInt64(batch, batchField.baseOffset))
}

/** Of the last record, or of where it was before a cleaner took it. */
export function lastOffset(batch: ValidBatch): Offset {
  return offset(readInt64(batch, batchField.baseOffset) + batch.readInt32BE(batchField.lastOffsetDelta))
}

/** The offset after the batch. */
export function nextOffset(batch: ValidBatch): Offset {
  return offset(readInt64(batch, batchField.baseOffset) + batch.readInt32BE(batchField.lastOffsetDelta) + 1)
}

export function lastOffsetDelta(batch: ValidBatch): number {
  return batch.readInt32BE(batchField.lastOffsetDelta)
}

export function leaderEpoch(batch: ValidBatch): number {
  return batch.readInt32BE(batchField.leaderEpoch)
}

/** CRC-32C as it stands in the batch. */
export function storedCrc(batch: ValidBatch): number {
  return batch.readUInt32BE(batchField.crc)
}

/** What record timestamps are counted from; the delete horizon where `hasDeleteHorizon`. */
export function baseTimestamp(batch: ValidBatch): number {
  return readInt64(batch, batchField.baseTimestamp)
}

export function maxTimestamp(batch: ValidBatch): number {
  return readInt64(batch, batchField.maxTimestamp)
}

/** -1: the producer is neither idempotent nor transactional. */
export function producerId(batch: ValidBatch): number {
  return readInt64(batch, batchField.producerId)
}

export function producerEpoch(batch: ValidBatch): number {
  return batch.readInt16BE(batchField.producerEpoch)
}

export function baseSequence(batch: ValidBatch): number {
  return batch.readInt32BE(batchField.baseSequence)
}

export function recordCount(batch: ValidBatch): number {
  return batch.readInt32BE(batchField.recordCount)
}

export function attributesOf(batch: ValidBatch): number {
  return batch.readInt16BE(batchField.attributes)
}

export function codecOf(batch: ValidBatch): CodecName {
  return codecNames[attributesOf(batch) & attribute.codecMask]!
}

export function isTransactional(batch: ValidBatch): boolean {
  return (attributesOf(batch) & attribute.transactional) !== 0
}

/** Holds a marker, no record of a user. */
export function isControl(batch: ValidBatch): boolean {
  return (attributesOf(batch) & attribute.control) !== 0
}

export function hasDeleteHorizon(batch: ValidBatch): boolean {
  return (attributesOf(batch) & attribute.hasDeleteHorizon) !== 0
}

export type TimestampType = 'CreateTime' | 'LogAppendTime'

export function timestampTypeOf(batch: ValidBatch): TimestampType {
  return (attributesOf(batch) & attribute.logAppendTime) === 0 ? 'CreateTime' : 'LogAppendTime'
}

/** In place; outside the checksum, so it stays as it is. */
export function stampBaseOffset(batch: ValidBatch, first: Offset): void {
  writeInt64(batch, batchField.baseOffset, first)
}

/** In place; outside the checksum, so it stays as it is. */
export function stampLeaderEpoch(batch: ValidBatch, epoch: number): void {
  batch.writeInt32BE(epoch, batchField.leaderEpoch)
}

/**
 * Every record of the batch gets the time `timestampMs`, as `message.timestamp.type=LogAppendTime` asks. Computes the
 * checksum anew.
 */
export function stampLogAppendTime(batch: ValidBatch, timestampMs: number): void {
  batch.writeInt16BE(attributesOf(batch) | attribute.logAppendTime, batchField.attributes)
  writeInt64(batch, batchField.maxTimestamp, timestampMs)
  stampChecksum(batch)
}

/** For a batch not yet sent, or sent again under a new epoch (KIP-360). Computes the checksum anew. */
export function stampProducer(batch: ValidBatch, id: number, epoch: number, sequence: number): void {
  writeInt64(batch, batchField.producerId, id)
  batch.writeInt16BE(epoch, batchField.producerEpoch)
  batch.writeInt32BE(sequence, batchField.baseSequence)
  stampChecksum(batch)
}

/** Only after this package itself has changed a batch: a checksum must never bless bytes from elsewhere. */
export function stampChecksum(batch: ValidBatch): void {
  batch.writeUInt32BE(crc32c(batch.subarray(batchField.attributes)), batchField.crc)
}
