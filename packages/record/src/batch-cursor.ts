import { Buffer } from 'node:buffer'
import { type Offset, readInt64 } from '@millrace/kernel'
import { attribute, batchField, batchHeaderBytes } from './batch-format.ts'
import { codecOf } from './batch-header.ts'
import { decompress, defaultDecompressedBytesMax } from './codec/codec.ts'
import { malformedRecord } from './corrupt-batch.ts'
import type { ValidBatch } from './valid-batch.ts'
import { readVarint, readVarlong, varintEnd } from './varint.ts'

const noBytes: Buffer = Buffer.alloc(0)

/**
 * Walks the records of a batch without making an object of any: one cursor is opened on batch after batch, and its
 * fields say where the present record's parts lie in `bytes`.
 *
 *   length varint | attributes int8 | timestampDelta varlong | offsetDelta varint
 *   | keyLength varint (-1: null) | key | valueLength varint (-1: null) | value | headerCount varint | headers …
 *
 * Every length is checked against the record and every record against the batch, so no field can point outside `bytes`.
 */
export class BatchCursor {
  /**
   * What the positions refer to: the batch itself, or its records decompressed. Valid for as long as it is referenced.
   */
  bytes: Buffer = noBytes
  offset: Offset = 0 as Offset
  timestampMs = 0
  /** -1: the key is null. */
  keyFrom = -1
  keyTo = -1
  /** -1: the value is null, a tombstone. */
  valueFrom = -1
  valueTo = -1
  /** The headers as they stand, their count varint first: what `BatchBuilder.append` takes as `headers`. */
  headersFrom = 0
  headersTo = 0
  headerCount = 0

  readonly #decompressedBytesMax: number
  #batch: ValidBatch | undefined
  #left = 0
  #at = 0
  #baseOffset = 0
  #baseTimestamp = 0
  #appendTime = false

  /** @param decompressedBytesMax a compressed batch that holds more is refused. @default 128 MiB */
  constructor(decompressedBytesMax: number = defaultDecompressedBytesMax) {
    this.#decompressedBytesMax = decompressedBytesMax
  }

  /**
   * Stands before the first record. Decompresses a compressed batch, once.
   *
   * @throws CORRUPT_MESSAGE when its records do not decompress within the bound.
   */
  open(batch: ValidBatch): this {
    const codec = codecOf(batch)
    if (codec === 'none') {
      this.bytes = batch
      this.#at = batchHeaderBytes
    } else {
      try {
        this.bytes = decompress(codec, batch, batchHeaderBytes, batch.length, this.#decompressedBytesMax)
      } catch (error) {
        throw malformedRecord(batch, `Its records do not decompress (${codec}).`, error)
      }
      this.#at = 0
    }
    this.#batch = batch
    this.#left = batch.readInt32BE(batchField.recordCount)
    this.#baseOffset = readInt64(batch, batchField.baseOffset)
    this.#appendTime = (batch.readInt16BE(batchField.attributes) & attribute.logAppendTime) !== 0
    this.#baseTimestamp = readInt64(batch, this.#appendTime ? batchField.maxTimestamp : batchField.baseTimestamp)
    return this
  }

  /**
   * Steps onto the next record; false after the last.
   *
   * @throws CORRUPT_MESSAGE naming the batch for a record that does not add up, or bytes left over after the last one.
   */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#at !== this.bytes.length) throw this.#malformed(`${this.bytes.length - this.#at} bytes are left over.`)
      return false
    }
    try {
      this.#step(this.bytes, this.#at)
    } catch (error) {
      throw this.#malformed(error instanceof Error ? error.message : String(error))
    }
    this.#left--
    return true
  }

  /** Lets go of the batch's memory. */
  release(): void {
    this.bytes = noBytes
    this.#batch = undefined
    this.#left = 0
    this.#at = 0
  }

  #step(bytes: Buffer, from: number): void {
    const length = readVarint(bytes, from, bytes.length)
    const body = varintEnd()
    const limit = body + length
    if (length < 0 || limit > bytes.length) throw new RangeError(`The record at byte ${from} claims ${length} bytes.`)
    // One byte of attributes, unused in magic 2.
    const timestampDelta = readVarlong(bytes, body + 1, limit)
    const offsetDelta = readVarint(bytes, varintEnd(), limit)
    const keyLength = readVarint(bytes, varintEnd(), limit)
    let at = varintEnd()
    if (keyLength < 0) {
      this.keyFrom = -1
      this.keyTo = -1
    } else {
      this.keyFrom = at
      at += keyLength
      this.keyTo = at
    }
    const valueLength = readVarint(bytes, at, limit)
    at = varintEnd()
    if (valueLength < 0) {
      this.valueFrom = -1
      this.valueTo = -1
    } else {
      this.valueFrom = at
      at += valueLength
      this.valueTo = at
    }
    this.headersFrom = at
    this.headerCount = readVarint(bytes, at, limit)
    this.headersTo = limit
    // Lengths below -1, and headers that are not there, are as wrong as lengths that are too long.
    if (
      keyLength < -1 ||
      valueLength < -1 ||
      this.headerCount < 0 ||
      (this.headerCount === 0 && varintEnd() !== limit)
    ) {
      throw new RangeError(`The record at byte ${from} has a length that does not add up.`)
    }
    this.offset = (this.#baseOffset + offsetDelta) as Offset
    this.timestampMs = this.#appendTime ? this.#baseTimestamp : this.#baseTimestamp + timestampDelta
    this.#at = limit
  }

  #malformed(detail: string) {
    return malformedRecord(this.#batch!, detail)
  }
}
