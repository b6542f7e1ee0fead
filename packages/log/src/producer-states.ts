import { Buffer } from 'node:buffer'
import { kafkaError, MillraceError, type Offset, offset, readInt64, writeInt64 } from '@millrace/kernel'
import {
  baseOffset,
  baseSequence,
  batchField,
  crc32c,
  isControl,
  isTransactional,
  lastOffset,
  lastOffsetDelta,
  maxTimestamp,
  producerEpoch,
  producerId,
  readControl,
  type ValidBatch,
} from '@millrace/record/internal'

/** As Kafka's `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`: a client has at most five batches under way. */
const batchesKept = 5
const sequenceMax = 2_147_483_647

interface AppendedBatch {
  readonly lastSequence: number
  readonly lastOffset: number
  readonly offsetDelta: number
  readonly timestampMs: number
}

interface ProducerState {
  epoch: number
  batches: AppendedBatch[]
  lastTimestampMs: number
  coordinatorEpoch: number
  /** First offset of the open transaction; -1 for none. */
  transactionFirst: number
}

/** What every idempotent producer wrote last: tells duplicates and holes (KIP-98, `ProducerStateManager`). */
export class ProducerStates {
  readonly #producers = new Map<number, ProducerState>()

  get size(): number {
    return this.#producers.size
  }

  /**
   * Where the batch was written before, when it is one of the producer's last five; undefined when it is new and in
   * order.
   *
   * @throws INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER.
   */
  check(batch: ValidBatch, place: string): { readonly baseOffset: Offset; readonly lastOffset: Offset } | undefined {
    const state = this.#producers.get(producerId(batch))
    if (state === undefined) return undefined
    const epoch = producerEpoch(batch)
    const first = baseSequence(batch)
    if (epoch < state.epoch) {
      const detail = `Producer ${producerId(batch)} wrote with epoch ${epoch}, the newest is ${state.epoch}.`
      throw kafkaError('INVALID_PRODUCER_EPOCH', place, detail)
    }
    const previous = state.batches.at(-1)
    if (epoch > state.epoch || previous === undefined) {
      if (first === 0 || previous === undefined) return undefined
      throw outOfOrder(batch, place, 0)
    }
    const last = sequenceAfter(first, lastOffsetDelta(batch))
    for (const known of state.batches) {
      if (known.lastSequence !== last || known.offsetDelta !== lastOffsetDelta(batch)) continue
      return { baseOffset: offset(known.lastOffset - known.offsetDelta), lastOffset: offset(known.lastOffset) }
    }
    const expected = sequenceAfter(previous.lastSequence, 1)
    if (first !== expected) throw outOfOrder(batch, place, expected)
    return undefined
  }

  /** Takes in a batch that is in the log. */
  update(batch: ValidBatch): void {
    const id = producerId(batch)
    if (id < 0) return
    let state = this.#producers.get(id)
    if (state === undefined) {
      state = { epoch: -1, batches: [], lastTimestampMs: -1, coordinatorEpoch: -1, transactionFirst: -1 }
      this.#producers.set(id, state)
    }
    if (producerEpoch(batch) !== state.epoch) {
      state.epoch = producerEpoch(batch)
      state.batches = []
    }
    state.lastTimestampMs = maxTimestamp(batch)
    if (isControl(batch)) {
      const marker = readControl(batch)
      if (marker === undefined) return
      state.coordinatorEpoch = marker.coordinatorEpoch
      state.transactionFirst = -1
      return
    }
    state.batches.push({
      lastSequence: sequenceAfter(baseSequence(batch), lastOffsetDelta(batch)),
      lastOffset: lastOffset(batch),
      offsetDelta: lastOffsetDelta(batch),
      timestampMs: maxTimestamp(batch),
    })
    if (state.batches.length > batchesKept) state.batches.shift()
    if (isTransactional(batch) && state.transactionFirst < 0) state.transactionFirst = baseOffset(batch)
  }

  /** First offset of the earliest open transaction: where the last stable offset stands. */
  firstOpenTransaction(): Offset | undefined {
    let first: number | undefined
    for (const { transactionFirst } of this.#producers.values()) {
      if (transactionFirst >= 0 && (first === undefined || transactionFirst < first)) first = transactionFirst
    }
    return first === undefined ? undefined : offset(first)
  }

  /** Forgets producers without an open transaction that have not written since (`producer.id.expiration.ms`). */
  expire(beforeMs: number): void {
    for (const [id, state] of this.#producers) {
      if (state.transactionFirst < 0 && state.lastTimestampMs < beforeMs) this.#producers.delete(id)
    }
  }

  clear(): void {
    this.#producers.clear()
  }

  encode(): Buffer {
    const bytes = Buffer.alloc(snapshot.entries + this.#producers.size * snapshot.entryBytes)
    bytes.writeInt16BE(snapshot.currentVersion, snapshot.version)
    bytes.writeInt32BE(this.#producers.size, snapshot.count)
    let at: number = snapshot.entries
    for (const [id, state] of this.#producers) {
      const last = state.batches.at(-1)
      writeInt64(bytes, at + field.producerId, id)
      bytes.writeInt16BE(state.epoch, at + field.epoch)
      bytes.writeInt32BE(last?.lastSequence ?? -1, at + field.lastSequence)
      writeInt64(bytes, at + field.lastOffset, last?.lastOffset ?? -1)
      bytes.writeInt32BE(last?.offsetDelta ?? 0, at + field.offsetDelta)
      writeInt64(bytes, at + field.timestamp, state.lastTimestampMs)
      bytes.writeInt32BE(state.coordinatorEpoch, at + field.coordinatorEpoch)
      writeInt64(bytes, at + field.transactionFirst, state.transactionFirst)
      at += snapshot.entryBytes
    }
    bytes.writeUInt32BE(crc32c(bytes.subarray(snapshot.count)), snapshot.crc)
    return bytes
  }

  /** Replaces all by a snapshot. @throws CORRUPT_FILE; the states are then as they were. */
  decode(bytes: Buffer, place: string): void {
    const problem = snapshotProblem(bytes)
    if (problem !== undefined) throw new MillraceError('CORRUPT_FILE', problem, { place })
    this.#producers.clear()
    const count = bytes.readInt32BE(snapshot.count)
    for (let i = 0, at: number = snapshot.entries; i < count; i++, at += snapshot.entryBytes) {
      const last = readInt64(bytes, at + field.lastOffset)
      const timestampMs = readInt64(bytes, at + field.timestamp)
      const batch = {
        lastSequence: bytes.readInt32BE(at + field.lastSequence),
        lastOffset: last,
        offsetDelta: bytes.readInt32BE(at + field.offsetDelta),
        timestampMs,
      }
      this.#producers.set(readInt64(bytes, at + field.producerId), {
        epoch: bytes.readInt16BE(at + field.epoch),
        batches: last < 0 ? [] : [batch],
        lastTimestampMs: timestampMs,
        coordinatorEpoch: bytes.readInt32BE(at + field.coordinatorEpoch),
        transactionFirst: readInt64(bytes, at + field.transactionFirst),
      })
    }
  }
}

/**
 * A `.snapshot` file: `version int16 = 1 | crc uint32 (CRC-32C of what follows) | count int32 | entries`, an entry
 * being
 * `producerId int64 | epoch int16 | lastSequence int32 | lastOffset int64 | offsetDelta int32 | timestamp int64 |
 * coordinatorEpoch int32 | transactionFirst int64`.
 */
const snapshot = { currentVersion: 1, version: 0, crc: 2, count: 6, entries: 10, entryBytes: 46 } as const
const field = {
  producerId: 0,
  epoch: 8,
  lastSequence: 10,
  lastOffset: 14,
  offsetDelta: 22,
  timestamp: 26,
  coordinatorEpoch: 34,
  transactionFirst: 38,
} as const

function snapshotProblem(bytes: Buffer): string | undefined {
  if (bytes.length < snapshot.entries) return `${bytes.length} bytes are too few for a producer snapshot`
  const version = bytes.readInt16BE(snapshot.version)
  if (version !== snapshot.currentVersion) return `version ${version} of a producer snapshot is unknown`
  const stored = bytes.readUInt32BE(snapshot.crc)
  const computed = crc32c(bytes.subarray(snapshot.count))
  if (stored !== computed) return `CRC-32C stored ${stored}, computed ${computed}`
  const count = bytes.readInt32BE(snapshot.count)
  if (bytes.length !== snapshot.entries + count * snapshot.entryBytes) return `${count} entries do not fit the file`
  return undefined
}

/** Sequences count up to 2^31 - 1 and go on with 0. */
export function sequenceAfter(sequence: number, count: number): number {
  return sequence > sequenceMax - count ? count - (sequenceMax - sequence) - 1 : sequence + count
}

function outOfOrder(batch: ValidBatch, place: string, expected: number): MillraceError {
  const got = batch.readInt32BE(batchField.baseSequence)
  const detail = `Producer ${producerId(batch)} sent sequence ${got}, expected ${expected}.`
  return kafkaError('OUT_OF_ORDER_SEQUENCE_NUMBER', place, detail)
}
