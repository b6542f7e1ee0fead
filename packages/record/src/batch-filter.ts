import { Buffer } from 'node:buffer'
import { assert, ByteWriter, readInt64, writeInt64 } from '@millrace/kernel'
import { BatchCursor } from './batch-cursor.ts'
import { attribute, batchField, batchHeaderBytes } from './batch-format.ts'
import { attributesOf, codecOf, hasDeleteHorizon, recordCount, stampChecksum, timestampTypeOf } from './batch-header.ts'
import { compress, defaultDecompressedBytesMax } from './codec/codec.ts'
import { validBatch } from './open-batch.ts'
import type { ValidBatch } from './valid-batch.ts'
import { readVarint, readVarlong, varintEnd } from './varint.ts'

/** What stays of a batch. */
export interface FilterRules {
  /** Asked for each record, in order. */
  readonly keep: (record: BatchCursor) => boolean
  /**
   * Delete horizon for a batch that has none and keeps a record without a value; also for one that keeps a transaction
   * marker whose data is gone, where `markerIsDone`.
   */
  readonly horizonMs: number
  readonly markerIsDone?: boolean | undefined
}

/**
 * Takes records out of batches, as a log cleaner does (clients/…/record/MemoryRecords.java, `filterTo`). Offsets never
 * change: base offset, last offset delta, base sequence, epoch and flags stay, so a batch may come to hold fewer
 * records than offsets. Records that stay are copied as they are; only where a delete horizon is set do their timestamps
 * get new deltas, because the horizon takes the place of the base timestamp (KIP-534).
 *
 * One filter serves batch after batch. Costs a walk; where something goes, a copy and the codec twice.
 */
export class BatchFilter {
  readonly #cursor: BatchCursor
  /** Begin and end of runs of records that stay, one after the other. */
  #runs: number[] = []
  readonly #out = new ByteWriter(0)
  readonly #delta = new ByteWriter(16)

  /** @param decompressedBytesMax a compressed batch that holds more is refused. @default 128 MiB */
  constructor(decompressedBytesMax: number = defaultDecompressedBytesMax) {
    this.#cursor = new BatchCursor(decompressedBytesMax)
  }

  /**
   * The batch itself where all stays as it is; undefined where no record stays.
   *
   * @throws CORRUPT_MESSAGE
   */
  filter(batch: ValidBatch, rules: FilterRules): ValidBatch | undefined {
    const cursor = this.#cursor.open(batch)
    let from = codecOf(batch) === 'none' ? batchHeaderBytes : 0
    let kept = 0
    let withoutValue = false
    let maxMs = -1
    this.#runs = []
    while (cursor.next()) {
      if (rules.keep(cursor)) {
        this.#add(from, cursor.headersTo)
        kept++
        if (cursor.valueFrom < 0) withoutValue = true
        if (cursor.timestampMs > maxMs) maxMs = cursor.timestampMs
      }
      from = cursor.headersTo
    }
    if (kept === 0) return undefined
    const setsHorizon = (withoutValue || rules.markerIsDone === true) && !hasDeleteHorizon(batch)
    if (kept === recordCount(batch) && !setsHorizon) return batch
    const records = setsHorizon ? this.#shifted(batch, rules.horizonMs) : this.#joined()
    const filtered = withRecords(batch, records)
    if (setsHorizon) {
      filtered.writeInt16BE(attributesOf(filtered) | attribute.hasDeleteHorizon, batchField.attributes)
      writeInt64(filtered, batchField.baseTimestamp, rules.horizonMs)
    }
    if (timestampTypeOf(batch) === 'CreateTime') writeInt64(filtered, batchField.maxTimestamp, maxMs)
    filtered.writeInt32BE(kept, batchField.recordCount)
    stampChecksum(filtered)
    cursor.release()
    return filtered
  }

  #add(from: number, to: number): void {
    const runs = this.#runs
    if (runs.length > 0 && runs[runs.length - 1] === from) runs[runs.length - 1] = to
    else runs.push(from, to)
  }

  /** The runs as they stand. */
  #joined(): Buffer {
    const out = this.#out
    out.position = 0
    for (let i = 0; i < this.#runs.length; i += 2) out.raw(this.#cursor.bytes, this.#runs[i], this.#runs[i + 1])
    return out.view()
  }

  /** The runs, each record with its timestamp counted from `base` instead of the batch's own. */
  #shifted(batch: ValidBatch, base: number): Buffer {
    const shift = readInt64(batch, batchField.baseTimestamp) - base
    const { bytes } = this.#cursor
    const out = this.#out
    out.position = 0
    for (let i = 0; i < this.#runs.length; i += 2) {
      for (let at = this.#runs[i]!; at < this.#runs[i + 1]!; ) {
        const length = readVarint(bytes, at, bytes.length)
        const body = varintEnd()
        const delta = readVarlong(bytes, body + 1, body + length) + shift
        const rest = varintEnd()
        this.#delta.position = 0
        this.#delta.varint(delta)
        out.varint(length - (rest - body - 1) + this.#delta.position)
        out.raw(bytes, body, body + 1).raw(this.#delta.bytes, 0, this.#delta.position)
        at = body + length
        out.raw(bytes, rest, at)
      }
    }
    return out.view()
  }
}

/**
 * The header alone: what a cleaner keeps of a batch whose records are gone where its last offset or its producer's last
 * sequence must not be forgotten (`DefaultRecordBatch.writeEmptyHeader`).
 */
export function emptied(batch: ValidBatch): ValidBatch {
  if (recordCount(batch) === 0) return batch
  const header = Buffer.allocUnsafeSlow(batchHeaderBytes)
  batch.copy(header, 0, 0, batchHeaderBytes)
  const empty = validBatch(header, 0, batchHeaderBytes)
  const flags = attributesOf(batch) & ~(attribute.codecMask | attribute.hasDeleteHorizon)
  empty.writeInt16BE(flags, batchField.attributes)
  empty.writeInt32BE(batchHeaderBytes - batchField.leaderEpoch, batchField.length)
  writeInt64(empty, batchField.baseTimestamp, -1)
  empty.writeInt32BE(0, batchField.recordCount)
  stampChecksum(empty)
  return empty
}

/** The batch's header before other records, under its codec; count, times and checksum are still the old ones. */
function withRecords(batch: ValidBatch, records: Buffer): ValidBatch {
  const codec = codecOf(batch)
  const body = codec === 'none' ? records : compress(codec, records, 0, records.length)
  const bytes = Buffer.allocUnsafeSlow(batchHeaderBytes + body.length)
  batch.copy(bytes, 0, 0, batchHeaderBytes)
  body.copy(bytes, batchHeaderBytes)
  assert(bytes.length > batchHeaderBytes, 'a filtered batch has a record')
  bytes.writeInt32BE(bytes.length - batchField.leaderEpoch, batchField.length)
  return validBatch(bytes, 0, bytes.length)
}
