import { Buffer } from 'node:buffer'
import { assert, type ByteWritable, ByteWriter, MillraceError, writeInt64 } from '@millrace/kernel'
import { attribute, batchField, batchHeaderBytes, type CodecName, codecId } from './batch-format.ts'
import { stampChecksum } from './batch-header.ts'
import { compress } from './codec/codec.ts'
import { validBatch } from './open-batch.ts'
import type { ValidBatch } from './valid-batch.ts'
import { varintBytes, writeVarint } from './varint.ts'

export interface BatchBuilderOptions {
  /** @default 'none' */
  readonly codec?: CodecName | undefined
  /** Room made at once; grows past it when a record needs it. @default 16384 */
  readonly capacityBytes?: number | undefined
}

/** What goes into the header. Left out: no producer, no transaction, epoch unknown. */
export interface BatchIdentity {
  /** @default 0, as producers send; a broker stamps its own */
  readonly baseOffset?: number | undefined
  /** @default -1 */
  readonly leaderEpoch?: number | undefined
  readonly producerId?: number | undefined
  readonly producerEpoch?: number | undefined
  readonly baseSequence?: number | undefined
  readonly transactional?: boolean | undefined
  readonly control?: boolean | undefined
}

/** A length of -1, as a zig-zag varint. */
const nullLength = 1

/** Most bytes before a key length: length, attributes, timestamp delta, offset delta. */
const recordPrefixMax = 5 + 1 + 10 + 5

const noBytes: Buffer = Buffer.alloc(0)

/**
 * Serialises records in place, one after another, into the buffer that `build` hands over.
 *
 * A length stands before what it measures and is a varint, so room for it is guessed from the record before, and the
 * few bytes are moved in the rare case that the guess was wrong.
 */
export class BatchBuilder {
  #codec: CodecName
  readonly #capacityBytes: number
  readonly #out = new ByteWriter(0)
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  #recordRoom = 1
  #keyRoom = 1
  #valueRoom = 1

  constructor(options: BatchBuilderOptions = {}) {
    this.#codec = options.codec ?? 'none'
    this.#capacityBytes = Math.max(options.capacityBytes ?? 16_384, batchHeaderBytes + recordPrefixMax)
  }

  get codec(): CodecName {
    return this.#codec
  }

  /** Of the batches to come: one that has begun keeps what it began with. */
  set codec(codec: CodecName) {
    assert(this.#count === 0, 'a batch has one codec')
    this.#codec = codec
  }

  get count(): number {
    return this.#count
  }

  /** Header and records, before compression. */
  get sizeBytes(): number {
    return this.#count === 0 ? batchHeaderBytes : this.#out.position
  }

  /**
   * Adds a record. `headers` as `encodeHeaders` makes them and a cursor finds them; null for none.
   *
   * @throws BAD_RECORD for a timestamp that is no whole number of milliseconds, and what a serde throws. The builder is
   *   then as before.
   */
  append<K, V>(
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: Buffer | null,
  ): void {
    const out = this.#out
    const start = this.#begin(timestampMs)
    try {
      this.#writePrefix(timestampMs)
      if (key === null) out.int8(nullLength)
      else this.#keyRoom = writeSized(out, key, keyOut, this.#keyRoom)
      this.#finish(start, timestampMs, value, valueOut, headers)
    } catch (error) {
      out.position = start
      throw error
    }
  }

  /** As `append`, with a key that was serialised before, to choose the partition by. `keyFrom` -1: the key is null. */
  appendWithKeyBytes<V>(
    timestampMs: number,
    keyBytes: Buffer,
    keyFrom: number,
    keyTo: number,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: Buffer | null,
  ): void {
    const out = this.#out
    const start = this.#begin(timestampMs)
    try {
      this.#writePrefix(timestampMs)
      if (keyFrom < 0) out.int8(nullLength)
      else out.varint(keyTo - keyFrom).raw(keyBytes, keyFrom, keyTo)
      this.#finish(start, timestampMs, value, valueOut, headers)
    } catch (error) {
      out.position = start
      throw error
    }
  }

  /**
   * The batch, checksum and all, and an empty builder. The bytes are the batch's own: the builder does not touch them
   * again. An uncompressed batch that fills half its room or more is handed over without a copy.
   */
  build(identity: BatchIdentity = {}): ValidBatch {
    assert(this.#count > 0, 'a batch has a record')
    const batch = this.#takeBytes()
    batch.writeInt32BE(batch.length - batchField.leaderEpoch, batchField.length)
    batch.writeInt32BE(identity.leaderEpoch ?? -1, batchField.leaderEpoch)
    batch.writeInt8(2, batchField.magic)
    const flags =
      codecId[this.#codec] |
      (identity.transactional === true ? attribute.transactional : 0) |
      (identity.control === true ? attribute.control : 0)
    batch.writeInt16BE(flags, batchField.attributes)
    batch.writeInt32BE(this.#count - 1, batchField.lastOffsetDelta)
    writeInt64(batch, batchField.baseOffset, identity.baseOffset ?? 0)
    writeInt64(batch, batchField.baseTimestamp, this.#baseTimestamp)
    writeInt64(batch, batchField.maxTimestamp, this.#maxTimestamp)
    writeInt64(batch, batchField.producerId, identity.producerId ?? -1)
    batch.writeInt16BE(identity.producerEpoch ?? -1, batchField.producerEpoch)
    batch.writeInt32BE(identity.baseSequence ?? -1, batchField.baseSequence)
    batch.writeInt32BE(this.#count, batchField.recordCount)
    stampChecksum(batch)
    this.#count = 0
    return batch
  }

  /** Drops what was appended. */
  reset(): void {
    this.#count = 0
    this.#out.position = 0
  }

  /** Where the record begins. */
  #begin(timestampMs: number): number {
    if (!Number.isSafeInteger(timestampMs)) {
      throw new MillraceError('BAD_RECORD', 'is no whole number of milliseconds', {
        place: 'timestamp',
        value: timestampMs,
      })
    }
    const out = this.#out
    if (this.#count === 0) {
      if (out.bytes.length < this.#capacityBytes) out.bytes = Buffer.allocUnsafeSlow(this.#capacityBytes)
      out.position = batchHeaderBytes
    }
    return out.position
  }

  /** Room for the length, attributes, both deltas. */
  #writePrefix(timestampMs: number): void {
    const out = this.#out
    const attributesAt = out.reserve(recordPrefixMax) + this.#recordRoom
    const bytes = out.bytes
    bytes[attributesAt] = 0
    const timestampDelta = this.#count === 0 ? 0 : timestampMs - this.#baseTimestamp
    out.position = attributesAt + 1
    if (timestampDelta === (timestampDelta | 0)) out.position = writeVarint(bytes, attributesAt + 1, timestampDelta)
    else out.varint(timestampDelta)
    out.position = writeVarint(bytes, out.position, this.#count)
  }

  /** Value, headers, the length in front, and the record counts. */
  #finish<V>(
    start: number,
    timestampMs: number,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: Buffer | null,
  ): void {
    const out = this.#out
    if (value === null) out.int8(nullLength)
    else this.#valueRoom = writeSized(out, value, valueOut, this.#valueRoom)
    if (headers === null) out.int8(0)
    else out.raw(headers)
    this.#recordRoom = patchLength(out, start, this.#recordRoom)
    if (this.#count === 0) {
      this.#baseTimestamp = timestampMs
      this.#maxTimestamp = timestampMs
    } else if (timestampMs > this.#maxTimestamp) {
      this.#maxTimestamp = timestampMs
    }
    this.#count++
  }

  /** Header room and records, in bytes of their own. */
  #takeBytes(): ValidBatch {
    const out = this.#out
    const size = out.position
    const bytes = out.bytes
    out.position = 0
    if (this.#codec !== 'none') {
      const packed = compress(this.#codec, bytes, batchHeaderBytes, size)
      const batch = Buffer.allocUnsafeSlow(batchHeaderBytes + packed.length)
      packed.copy(batch, batchHeaderBytes)
      return validBatch(batch, 0, batch.length)
    }
    if (size * 2 < bytes.length) {
      const batch = Buffer.allocUnsafeSlow(size)
      bytes.copy(batch, batchHeaderBytes, batchHeaderBytes, size)
      return validBatch(batch, 0, size)
    }
    out.bytes = noBytes
    return validBatch(bytes, 0, size)
  }
}

/** Writes a length and its bytes, having guessed that the length takes `room`. Returns the room it took. */
function writeSized<T>(out: ByteWriter, value: T, writable: ByteWritable<T>, room: number): number {
  const at = out.reserve(room)
  writable.write(value, out)
  return patchLength(out, at, room)
}

/**
 * Puts the length of what follows `at + room` at `at`, moving it where the room was not right. Returns the room it
 * took.
 */
function patchLength(out: ByteWriter, at: number, room: number): number {
  const length = out.position - at - room
  const needed = varintBytes(length)
  if (needed > room) out.reserve(needed - room)
  if (needed !== room) {
    out.bytes.copyWithin(at + needed, at + room, at + room + length)
    out.position = at + needed + length
  }
  writeVarint(out.bytes, at, length)
  return needed
}
