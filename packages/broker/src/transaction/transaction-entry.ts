import type { Offset } from '@millrace/kernel'
import type { PartitionLog } from '@millrace/log/internal'
import type { Transaction } from './transaction.ts'

/** Markers that were written and may not be on disk yet. */
export interface Unsettled {
  /** Why they were written. */
  readonly decided: Transaction
  readonly completed: Transaction
  readonly markers: readonly { readonly log: PartitionLog; readonly upTo: Offset }[]
}

/** Requests for one transactional id that may wait for the one under way. */
const waitingMax = 16

/** A transactional id: what is known of it, and whose turn it is. */
export class TransactionEntry {
  now: Transaction
  /** A step is being made durable: until then nobody writes in a transaction of this id. */
  isMoving = false
  /** Of the last transaction. Nothing may follow its decision in the log before they are on disk. */
  unsettled: Unsettled | undefined
  /** Start of the transaction that the log says is open: its timeout counts from there, whoever restarts. */
  notedStartMs = -1
  #turn: Promise<void> = Promise.resolve()
  #waiting = 0

  constructor(now: Transaction) {
    this.now = now
    if (now.state === 'Ongoing') this.notedStartMs = now.startMs
  }

  /** A transaction is open of which the log does not say so, and may be told now. */
  get isUnnoted(): boolean {
    const { state, startMs } = this.now
    return state === 'Ongoing' && this.notedStartMs !== startMs && !this.isMoving && this.unsettled === undefined
  }

  get isBusy(): boolean {
    return this.#waiting > 0
  }

  /** One after another; undefined when too many wait. */
  inTurn<T>(step: () => Promise<T>): Promise<T> | undefined {
    if (this.#waiting >= waitingMax) return undefined
    this.#waiting++
    const done = this.#turn.then(step).finally(() => {
      this.#waiting--
    })
    this.#turn = done.then(
      () => {},
      () => {},
    )
    return done
  }
}
