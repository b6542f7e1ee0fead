import {
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  readControl,
  recordCount,
  type ValidBatch,
} from '@millrace/record/internal'

/** From a fetch answer: a transaction that was aborted, and where its first record in the partition lies. */
export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/**
 * Hides what readers of committed records must not see: markers, and the batches of aborted transactions. As Java's consumer: from a
 * transaction's first offset until its producer's next ABORT marker, also when one producer aborted several, and when the marker
 * has not been fetched yet.
 *
 * For one answer: the broker lists anew, in each, what touches it.
 */
export class AbortedFilter {
  readonly #queue: AbortedTransaction[]
  readonly #aborting = new Set<number>()

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#queue = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset)
  }

  /** Batches in order of their offsets. */
  hides(batch: ValidBatch): boolean {
    if (isControl(batch)) {
      this.#begin(batch)
      // A cleaner keeps the batch of a marker it has removed, for its producer's sequence: it ends nothing any more.
      if (this.#aborting.size === 0 || recordCount(batch) === 0) return true
      if (readControl(batch)?.type === 'abort') this.#aborting.delete(producerId(batch))
      return true
    }
    if (this.#queue.length === 0 && this.#aborting.size === 0) return false
    this.#begin(batch)
    return isTransactional(batch) && this.#aborting.has(producerId(batch))
  }

  #begin(batch: ValidBatch): void {
    const last = lastOffset(batch)
    while (this.#queue.length > 0 && this.#queue[0]!.firstOffset <= last) {
      this.#aborting.add(this.#queue.shift()!.producerId)
    }
  }
}
