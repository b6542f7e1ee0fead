import type { Buffer } from 'node:buffer'
import { kafkaError, type MillraceError, type Offset, offset } from '@millrace/kernel'
import {
  baseOffset,
  baseSequence,
  isControl,
  isTransactional,
  lastOffset,
  lastOffsetDelta,
  maxTimestamp,
  producerEpoch,
  producerId,
  readControl,
  recordCount,
  type ValidBatch,
} from '@millrace/record/internal'
import { OpenTransactions } from './open-transactions.ts'
import type { ActiveProducer, AppendOptions, EndTransaction } from './partition-log.ts'
import { decodeSnapshot, encodeSnapshot, type SnapshotEntry } from './producer-snapshot.ts'
import { RecentBatches } from './recent-batches.ts'
import type { AbortedTransaction } from './transaction-index.ts'

const sequenceMax = 2_147_483_647

interface ProducerState {
  epoch: number
  /** Of this epoch. */
  readonly batches: RecentBatches
  lastTimestampMs: number
  coordinatorEpoch: number
  /** First offset of the open transaction; -1 for none. */
  transactionFirst: number
  /** When it was last heard of, by the server's clock where it was heard in this run. */
  seenMs: number
}

/**
 * What every idempotent producer wrote last: tells duplicates and holes, who is fenced and which transactions are open
 * (KIP-98, KIP-890; `ProducerStateManager`, `ProducerAppendInfo`).
 */
export class ProducerStates {
  #producers: Map<number, ProducerState> | undefined
  #open: OpenTransactions | undefined

  get size(): number {
    return this.#producers?.size ?? 0
  }

  /** First offset of the earliest open transaction: where the last stable offset stands. */
  get firstOpen(): Offset | undefined {
    return this.#open?.first
  }

  /**
   * Where the batch was written before, when it is one of the producer's last five; undefined when it is new and in
   * order.
   *
   * @throws INVALID_PRODUCER_EPOCH, OUT_OF_ORDER_SEQUENCE_NUMBER, INVALID_TXN_STATE
   */
  check(
    batch: ValidBatch,
    place: string,
    options: AppendOptions,
  ): { readonly baseOffset: Offset; readonly lastOffset: Offset } | undefined {
    const state = this.#producers?.get(producerId(batch))
    const byClient = options.origin !== 'coordinator'
    if (state !== undefined) {
      const known = byClient ? knownBatch(state, batch) : undefined
      if (known !== undefined) {
        return { baseOffset: offset(known - lastOffsetDelta(batch)), lastOffset: offset(known) }
      }
      if (producerEpoch(batch) < state.epoch) throw fenced(batch, state, place)
    }
    if (isTransactional(batch)) checkVerified(batch, state, options, place)
    if (byClient && state !== undefined) checkSequence(batch, state, place)
    if (state !== undefined && state.transactionFirst >= 0 && !isTransactional(batch)) {
      const since = state.transactionFirst
      const detail = `Producer ${producerId(batch)} wrote outside of its transaction, open since offset ${since}.`
      throw kafkaError('INVALID_TXN_STATE', place, detail)
    }
    return undefined
  }

  /**
   * The rules of a marker: under transaction version 2 its epoch is above that of the data, and one that is written
   * again finds no open transaction.
   *
   * @throws INVALID_PRODUCER_EPOCH, TRANSACTION_COORDINATOR_FENCED
   */
  checkMarker(marker: EndTransaction, place: string): void {
    const state = this.#producers?.get(marker.producerId)
    if (state === undefined) return
    const { producerEpoch: epoch, transactionVersion } = marker
    const isAgain = epoch === state.epoch && state.transactionFirst < 0
    if (epoch < state.epoch || (transactionVersion >= 2 && epoch === state.epoch && !isAgain)) {
      const rule = transactionVersion >= 2 ? 'must be above' : 'must not be below'
      const detail = `The marker of producer ${marker.producerId} has epoch ${epoch}, it ${rule} ${state.epoch}.`
      throw kafkaError('INVALID_PRODUCER_EPOCH', place, detail)
    }
    if (marker.coordinatorEpoch >= state.coordinatorEpoch) return
    const detail = `The coordinator has epoch ${marker.coordinatorEpoch}, the newest is ${state.coordinatorEpoch}.`
    throw kafkaError('TRANSACTION_COORDINATOR_FENCED', place, detail)
  }

  /**
   * Takes in a batch that is in the log. Returns what belongs into the transaction index when it ended a transaction
   * by an abort.
   *
   * @param seenMs by the server's clock; without it, the batch's own time counts
   */
  update(batch: ValidBatch, seenMs?: number): AbortedTransaction | undefined {
    const id = producerId(batch)
    if (id < 0) return undefined
    let state = this.#producers?.get(id)
    if (state === undefined) {
      const batches = new RecentBatches()
      state = { epoch: -1, batches, lastTimestampMs: -1, coordinatorEpoch: -1, transactionFirst: -1, seenMs: -1 }
      this.#producers ??= new Map()
      this.#producers.set(id, state)
    }
    if (isControl(batch)) return this.#end(batch, state, seenMs)
    enterEpoch(state, producerEpoch(batch))
    state.lastTimestampMs = maxTimestamp(batch)
    state.seenMs = seenMs ?? state.lastTimestampMs
    const offsetDelta = lastOffsetDelta(batch)
    const first = baseSequence(batch)
    const lastSequence = first < 0 ? -1 : sequenceAfter(first, offsetDelta)
    state.batches.add(lastSequence, lastOffset(batch), offsetDelta)
    if (isTransactional(batch) && state.transactionFirst < 0) {
      state.transactionFirst = baseOffset(batch)
      this.#open ??= new OpenTransactions()
      this.#open.open(state.transactionFirst, id)
    }
    return undefined
  }

  openTransaction(id: number): { readonly firstOffset: Offset; readonly producerEpoch: number } | undefined {
    const state = this.#producers?.get(id)
    if (state === undefined || state.transactionFirst < 0) return undefined
    return { firstOffset: offset(state.transactionFirst), producerEpoch: state.epoch }
  }

  list(): ActiveProducer[] {
    return [...(this.#producers ?? [])].map(([id, state]) => ({
      producerId: id,
      producerEpoch: state.epoch,
      lastSequence: state.batches.lastSequence,
      lastOffset: state.batches.lastOffset,
      lastTimestampMs: state.lastTimestampMs,
      coordinatorEpoch: state.coordinatorEpoch,
      transactionFirst: state.transactionFirst < 0 ? undefined : offset(state.transactionFirst),
    }))
  }

  /** Forgets producers without an open transaction that were not heard of since. Returns how many. */
  expire(beforeMs: number): number {
    const before = this.size
    for (const [id, state] of this.#producers ?? []) {
      if (state.transactionFirst < 0 && state.seenMs <= beforeMs) this.#producers?.delete(id)
    }
    return before - this.size
  }

  clear(): void {
    this.#producers = undefined
    this.#open = undefined
  }

  encode(): Buffer {
    return encodeSnapshot(this.#entries(), this.size)
  }

  /** Replaces all by a snapshot. @throws CORRUPT_FILE; the states are then as they were. */
  decode(bytes: Buffer, place: string): void {
    const entries = decodeSnapshot(bytes, place)
    const producers = new Map<number, ProducerState>()
    for (const { lastSequence, lastOffset: last, offsetDelta, ...entry } of entries) {
      const batches = new RecentBatches()
      if (last >= 0) batches.add(lastSequence, last, offsetDelta)
      producers.set(entry.producerId, {
        epoch: entry.epoch,
        batches,
        lastTimestampMs: entry.timestampMs,
        coordinatorEpoch: entry.coordinatorEpoch,
        transactionFirst: entry.transactionFirst,
        seenMs: entry.timestampMs,
      })
    }
    this.#producers = producers.size === 0 ? undefined : producers
    const open = entries.filter((entry) => entry.transactionFirst >= 0)
    this.#open = open.length === 0 ? undefined : new OpenTransactions()
    this.#open?.replace(open.map((entry) => ({ first: entry.transactionFirst, producerId: entry.producerId })))
  }

  #end(batch: ValidBatch, state: ProducerState, seenMs: number | undefined): AbortedTransaction | undefined {
    if (recordCount(batch) === 0) return undefined // the cleaner took the marker with the last of its transaction
    const marker = readControl(batch)
    if (marker === undefined) return undefined
    enterEpoch(state, producerEpoch(batch))
    state.lastTimestampMs = maxTimestamp(batch)
    state.seenMs = seenMs ?? state.lastTimestampMs
    state.coordinatorEpoch = marker.coordinatorEpoch
    const first = state.transactionFirst
    if (first < 0) return undefined
    state.transactionFirst = -1
    this.#open?.close(first)
    if (marker.type === 'commit') return undefined
    const last = lastOffset(batch)
    const lastStable = this.#open?.first ?? offset(last + 1)
    return { producerId: producerId(batch), firstOffset: offset(first), lastOffset: last, lastStable }
  }

  *#entries(): Generator<SnapshotEntry> {
    for (const [id, state] of this.#producers ?? []) {
      yield {
        producerId: id,
        epoch: state.epoch,
        lastSequence: state.batches.lastSequence,
        lastOffset: state.batches.lastOffset,
        offsetDelta: state.batches.lastOffsetDelta,
        timestampMs: state.lastTimestampMs,
        coordinatorEpoch: state.coordinatorEpoch,
        transactionFirst: state.transactionFirst,
      }
    }
  }
}

/** Sequences count up to 2^31 - 1 and go on with 0. */
export function sequenceAfter(sequence: number, count: number): number {
  return sequence > sequenceMax - count ? count - (sequenceMax - sequence) - 1 : sequence + count
}

/** A new epoch begins its sequences anew. */
function enterEpoch(state: ProducerState, epoch: number): void {
  if (epoch === state.epoch) return
  state.epoch = epoch
  state.batches.clear()
}

/** Last offset of the batch that was written before. */
function knownBatch(state: ProducerState, batch: ValidBatch): number | undefined {
  if (producerEpoch(batch) !== state.epoch) return undefined
  const offsetDelta = lastOffsetDelta(batch)
  return state.batches.find(sequenceAfter(baseSequence(batch), offsetDelta), offsetDelta)
}

/** Nothing is written in a transaction that the coordinator does not know: it would never end. */
function checkVerified(
  batch: ValidBatch,
  state: ProducerState | undefined,
  options: AppendOptions,
  place: string,
): void {
  const isOpen = state !== undefined && state.transactionFirst >= 0 && state.epoch === producerEpoch(batch)
  if (isOpen) return
  if (options.transactionVersion === undefined) {
    throw kafkaError('INVALID_TXN_STATE', place, 'No transaction is open on this partition.')
  }
  const isFirst = state === undefined || state.batches.count === 0
  if (options.transactionVersion < 2 || options.origin === 'coordinator' || !isFirst) return
  if (baseSequence(batch) !== 0) throw outOfOrder(batch, place, 0)
}

/** A producer of whom nothing is known may begin anywhere: what it wrote may have been deleted. */
function checkSequence(batch: ValidBatch, state: ProducerState, place: string): void {
  const goesOn = producerEpoch(batch) === state.epoch && state.batches.count > 0
  const expected = goesOn ? sequenceAfter(state.batches.lastSequence, 1) : 0
  if (baseSequence(batch) !== expected) throw outOfOrder(batch, place, expected)
}

function fenced(batch: ValidBatch, state: ProducerState, place: string): MillraceError {
  const detail = `Producer ${producerId(batch)} wrote with epoch ${producerEpoch(batch)}, the newest is ${state.epoch}.`
  return kafkaError('INVALID_PRODUCER_EPOCH', place, detail)
}

function outOfOrder(batch: ValidBatch, place: string, expected: number): MillraceError {
  const detail = `Producer ${producerId(batch)} sent sequence ${baseSequence(batch)}, expected ${expected}.`
  return kafkaError('OUT_OF_ORDER_SEQUENCE_NUMBER', place, detail)
}
