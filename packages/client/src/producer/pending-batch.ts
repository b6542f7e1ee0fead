import type { Offset } from '@millrace/kernel'
import type { ValidBatch } from '@millrace/record/internal'

/** Somebody who waits for one record of a batch, or for a run of neighbours. */
export interface Receipt {
  /** Position in the batch. */
  readonly index: number
  /** Position after the run's last record. Left out: one record. */
  readonly until?: number
  readonly timestampMs: number
  /** `at` is -1 where the broker does not tell (acks 0, a duplicate it no longer remembers). */
  delivered(at: Offset, appendTimeMs: number): void
  failed(error: Error): void
  /** The run was cut in two with its batch: one outcome more will come. */
  parted?(): void
}

/** One receipt for the records that one call appends to one batch. */
export class RunReceipt implements Receipt {
  readonly index: number
  readonly timestampMs: number
  until: number
  readonly delivered: (at: Offset, appendTimeMs: number) => void
  readonly failed: (error: Error) => void
  readonly parted: () => void

  constructor(index: number, timestampMs: number, outcome: Required<Pick<Receipt, 'delivered' | 'failed' | 'parted'>>) {
    this.index = index
    this.until = index + 1
    this.timestampMs = timestampMs
    this.delivered = (at, appendTimeMs) => outcome.delivered(at, appendTimeMs)
    this.failed = (error) => outcome.failed(error)
    this.parted = () => outcome.parted()
  }
}

/** A flush waits for a number of batches. */
export class FlushTicket {
  #remaining = 0
  readonly done: Promise<void>
  #resolve: () => void = () => {}

  constructor() {
    this.done = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  add(): void {
    this.#remaining++
  }

  settle(): void {
    if (--this.#remaining === 0) this.#resolve()
  }
}

/** Makes a flush wait for a batch. */
export function hold(batch: PendingBatch, ticket: FlushTicket): void {
  ticket.add()
  batch.tickets.push(ticket)
}

/** Whether the broker may have the batch: what decides if it may get a new sequence. */
export type BatchStanding =
  /** Never sent. */
  | 'fresh'
  /** Sent, and no answer settled it: it keeps its producer id and sequence until one does. */
  | 'unresolved'
  /** The broker refused it: it is certainly not in the log. */
  | 'refused'

export interface PendingBatchFields {
  readonly count: number
  /** Records sealed in this partition before the batch. */
  readonly order: number
  /** What it takes of the producer's buffer. */
  readonly bufferedBytes: number
  /** Of the first record, by the monotonic clock. */
  readonly openedAtMs: number
  readonly receipts: readonly Receipt[]
}

/** A sealed batch on its way. Owns its bytes. */
export class PendingBatch implements PendingBatchFields {
  readonly bytes: ValidBatch
  readonly count: number
  readonly order: number
  readonly bufferedBytes: number
  readonly openedAtMs: number
  readonly receipts: readonly Receipt[]
  readonly tickets: FlushTicket[] = []
  standing: BatchStanding = 'fresh'
  attempts = 0
  /** Why it is tried again. */
  lastError: unknown
  /** -1: not stamped yet. */
  sequence = -1

  constructor(bytes: ValidBatch, fields: PendingBatchFields) {
    this.bytes = bytes
    this.count = fields.count
    this.order = fields.order
    this.bufferedBytes = fields.bufferedBytes
    this.openedAtMs = fields.openedAtMs
    this.receipts = fields.receipts
  }
}
