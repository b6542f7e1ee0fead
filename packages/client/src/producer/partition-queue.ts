import { assert, type Offset } from '@millrace/kernel'
import { BatchBuilder, codecOf, stampProducer } from '@millrace/record/internal'
import { PendingBatch, type Receipt } from './pending-batch.ts'
import type { ProducerSettings } from './producer-settings.ts'
import { splitBatch } from './split-batch.ts'

/** A producer id and its epoch, as InitProducerId gave them. */
export interface ProducerIdentity {
  readonly producerId: number
  readonly epoch: number
  /** Whether what is sealed under it belongs to a transaction. */
  readonly transactional?: true | undefined
}

/** Sequences are counted in 31 bits and wrap to 0. */
const sequenceLimit = 2 ** 31

/** What waits for one partition: the open batch, sealed ones in order of their sequence, and those in flight. */
export class PartitionQueue {
  readonly topic: string
  readonly partition: number
  readonly builder: BatchBuilder
  /** Bytes of the open batch that are counted in the producer's buffer. */
  openBytes = 0
  openedAtMs = 0
  receipts: Receipt[] = []
  /** To be sent, the next one first. */
  readonly sealed: PendingBatch[] = []
  /** Sent and unanswered, the oldest first. */
  readonly inFlight: PendingBatch[] = []
  /** Not before this, by the monotonic clock. */
  retryAtMs = 0
  /** Whether the sender looks at it. */
  listed = false
  acknowledged: Offset | undefined
  /** Under which it is written, outside transactions. */
  identity: ProducerIdentity | undefined
  /** Under which the broker has acknowledged a batch of this partition. */
  confirmed: ProducerIdentity | undefined
  /** Whose sequences are counted. */
  #counted: ProducerIdentity | undefined
  #nextSequence = 0
  #sealedRecords = 0

  constructor(topic: string, partition: number, settings: ProducerSettings) {
    this.topic = topic
    this.partition = partition
    // The record that fills a batch may reach past its size; with this room it seldom has to be moved for that.
    const capacityBytes = settings.batchBytes + Math.ceil(settings.batchBytes / 8)
    this.builder = new BatchBuilder({ codec: settings.compression, capacityBytes })
  }

  get idle(): boolean {
    return this.builder.count === 0 && this.sealed.length === 0 && this.inFlight.length === 0
  }

  /** Closes the open batch and queues it. */
  seal(identity: ProducerIdentity | undefined): void {
    const count = this.builder.count
    if (count === 0) return
    const sequence = identity === undefined ? -1 : this.#takeSequence(identity, count)
    const bytes = this.builder.build(
      identity === undefined
        ? {}
        : {
            producerId: identity.producerId,
            producerEpoch: identity.epoch,
            baseSequence: sequence,
            transactional: identity.transactional,
          },
    )
    const batch = new PendingBatch(bytes, {
      count,
      order: this.#sealedRecords,
      bufferedBytes: this.openBytes,
      openedAtMs: this.openedAtMs,
      receipts: this.receipts,
    })
    batch.sequence = sequence
    this.#sealedRecords += count
    this.sealed.push(batch)
    this.openBytes = 0
    if (this.receipts.length > 0) this.receipts = []
  }

  /** Gives a batch that was sealed before the producer had an id its sequence. */
  stamp(batch: PendingBatch, identity: ProducerIdentity): void {
    batch.sequence = this.#takeSequence(identity, batch.count)
    stampProducer(batch.bytes, identity.producerId, identity.epoch, batch.sequence)
  }

  /** A broker may have a batch that is not settled: it keeps its identity and sequence until that is known. */
  get inDoubt(): boolean {
    return this.inFlight.length > 0 || this.sealed.some(({ standing }) => standing === 'unresolved')
  }

  /** Another identity: what was sealed gets its sequences anew. Only when nothing is in doubt. */
  adopt(identity: ProducerIdentity): void {
    assert(!this.inDoubt, 'a batch in doubt keeps its sequence')
    this.identity = identity
    for (const batch of this.sealed) {
      this.stamp(batch, identity)
      batch.standing = 'fresh'
    }
  }

  /** Takes out all that is not in flight. Tells of a gap where sequences were given up that a broker may have seen. */
  dropUnsent(): { readonly dropped: readonly PendingBatch[]; readonly gap: boolean } {
    this.seal(undefined)
    const dropped = this.sealed.splice(0)
    const stamped = dropped.filter(({ sequence }) => sequence >= 0)
    const gap = stamped.some(({ standing }) => standing !== 'fresh')
    if (!gap && stamped.length > 0) this.#nextSequence = stamped[0]!.sequence
    return { dropped, gap }
  }

  /** Back to where its order wants it: before everything that was sealed after it. */
  requeue(batch: PendingBatch): void {
    this.#dropFromFlight(batch)
    let at = 0
    while (at < this.sealed.length && before(this.sealed[at]!, batch)) at++
    this.sealed.splice(at, 0, batch)
  }

  settle(batch: PendingBatch): void {
    this.#dropFromFlight(batch)
  }

  /** No batch that was sealed earlier is still unsettled. */
  isFirst(batch: PendingBatch): boolean {
    for (const other of this.inFlight) if (other !== batch && before(other, batch)) return false
    return this.sealed.every((other) => !before(other, batch))
  }

  /** A batch that the broker found too large, as two; they take its place, its sequences, its waiters. */
  split(batch: PendingBatch, identity: ProducerIdentity | undefined): void {
    const parts = splitBatch(batch, codecOf(batch.bytes))
    if (identity !== undefined && batch.sequence >= 0) {
      for (const part of parts) {
        part.sequence = (batch.sequence + part.order - batch.order) % sequenceLimit
        stampProducer(part.bytes, identity.producerId, identity.epoch, part.sequence)
      }
    }
    this.requeue(batch)
    this.sealed.splice(this.sealed.indexOf(batch), 1, ...parts)
  }

  #takeSequence(identity: ProducerIdentity, count: number): number {
    const sequence = identity === this.#counted ? this.#nextSequence : 0
    this.#counted = identity
    this.#nextSequence = (sequence + count) % sequenceLimit
    return sequence
  }

  #dropFromFlight(batch: PendingBatch): void {
    const at = this.inFlight.indexOf(batch)
    if (at >= 0) this.inFlight.splice(at, 1)
  }
}

/** Order of sealing. */
function before(a: PendingBatch, b: PendingBatch): boolean {
  return a.order < b.order
}
