import type { Buffer } from 'node:buffer'

/** A batch or a marker as it stands in the log. */
export interface Written {
  readonly base: number
  readonly last: number
  readonly kind: 'plain' | 'data' | 'commit' | 'abort'
  /** -1: a plain batch. */
  readonly producerId: number
  readonly epoch: number
  readonly sequence: number
  /** All but what the log stamps; of a marker nothing. */
  readonly body: Buffer | undefined
}

export interface Transaction {
  readonly producerId: number
  readonly first: number
  /** Of its marker; undefined while it is open. */
  readonly end: { readonly last: number; readonly commit: boolean } | undefined
}

/** What the transactions of a log are: read off its whole history, slowly. */
export function transactionsOf(history: readonly Written[]): Transaction[] {
  const transactions: Transaction[] = []
  for (const written of history) {
    if (written.kind === 'plain') continue
    const at = transactions.findIndex((each) => each.producerId === written.producerId && each.end === undefined)
    if (written.kind === 'data') {
      if (at < 0) transactions.push({ producerId: written.producerId, first: written.base, end: undefined })
    } else if (at >= 0) {
      const end = { last: written.last, commit: written.kind === 'commit' }
      transactions[at] = { ...transactions[at]!, end }
    }
  }
  return transactions
}

/** First offset of the first transaction that is undecided; else the end. */
export function lastStableOf(history: readonly Written[], logStart: number, end: number): number {
  const open = transactionsOf(history).filter((each) => each.end === undefined)
  return Math.max(logStart, Math.min(end, ...open.map((each) => each.first)))
}

/** Data that a read_committed reader sees: what no transaction or a committed one wrote. */
export function committedOf(history: readonly Written[], lastStable: number): Written[] {
  const aborted = transactionsOf(history).filter((each) => each.end?.commit === false)
  const isAborted = (written: Written) =>
    written.kind === 'data' &&
    aborted.some(({ producerId, first, end }) => {
      return producerId === written.producerId && first <= written.base && written.last < (end?.last ?? 0)
    })
  const isData = ({ kind }: Written) => kind === 'plain' || kind === 'data'
  return history.filter((written) => isData(written) && written.last < lastStable && !isAborted(written))
}
