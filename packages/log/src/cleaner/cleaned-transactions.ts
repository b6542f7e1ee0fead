import {
  isControl,
  isTransactional,
  lastOffset,
  producerId,
  readControl,
  recordCount,
  type ValidBatch,
} from '@millrace/record/internal'
import type { AbortedTransaction } from '../transaction-index.ts'

interface Aborted {
  readonly transaction: AbortedTransaction
  /** Some of its data has passed. */
  seen: boolean
}

/**
 * Follows transactions through the batches of a clean, in order (storage/…/log/CleanedTransactionMetadata.java): which data was
 * aborted, and whether a marker has any data left that it stands for.
 */
export class CleanedTransactions {
  /** By first offset; those up to `#next` have begun. */
  #known: AbortedTransaction[] = []
  #next = 0
  readonly #committed = new Set<number>()
  readonly #aborted = new Map<number, Aborted>()
  #onKeptAbort: (transaction: AbortedTransaction) => void = () => {}

  /** Called from now on with an aborted transaction whose marker stays: it belongs into the new transaction index. */
  onKeptAbort(note: (transaction: AbortedTransaction) => void): void {
    this.#onKeptAbort = note
  }

  /** Adds those of the next segment; those that were added before are not added again. */
  add(transactions: readonly AbortedTransaction[]): void {
    const known = new Set(this.#known.map((each) => `${each.producerId}:${each.firstOffset}`))
    const fresh = transactions.filter((each) => !known.has(`${each.producerId}:${each.firstOffset}`))
    if (fresh.length === 0) return
    const begun = this.#known.slice(0, this.#next)
    const later = [...this.#known.slice(this.#next), ...fresh]
    later.sort((a, b) => a.firstOffset - b.firstOffset)
    this.#known = [...begun, ...later]
  }

  /** Takes in the next batch. True: nothing of it is needed any more, aborted data or a marker whose data is gone. */
  isDone(batch: ValidBatch): boolean {
    this.#begin(lastOffset(batch))
    if (isControl(batch)) return this.#endedBy(batch)
    if (!isTransactional(batch)) return false
    const aborted = this.#aborted.get(producerId(batch))
    if (aborted === undefined) {
      this.#committed.add(producerId(batch))
      return false
    }
    aborted.seen = true
    return true
  }

  #begin(upTo: number): void {
    for (; this.#next < this.#known.length && this.#known[this.#next]!.firstOffset <= upTo; this.#next++) {
      const transaction = this.#known[this.#next]!
      if (!this.#aborted.has(transaction.producerId)) {
        this.#aborted.set(transaction.producerId, { transaction, seen: false })
      }
    }
  }

  #endedBy(marker: ValidBatch): boolean {
    const id = producerId(marker)
    if (recordCount(marker) === 0) return true // it was cleaned before
    const end = readControl(marker)
    if (end === undefined) return false // it ends no transaction
    if (end.type === 'commit') return !this.#committed.delete(id)
    const aborted = this.#aborted.get(id)
    this.#aborted.delete(id)
    if (aborted?.seen !== true) return true
    this.#onKeptAbort(aborted.transaction)
    return false
  }
}
