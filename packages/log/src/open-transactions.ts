import { type Offset, offset } from '@millrace/kernel'

/**
 * The transactions that are open on a partition, by their first offsets. They open in the order of their offsets, so
 * the oldest is the one that came first.
 */
export class OpenTransactions {
  readonly #byFirst = new Map<number, number>()
  #first: Offset | undefined

  /** First offset of the oldest: where the last stable offset stands. Costs nothing. */
  get first(): Offset | undefined {
    return this.#first
  }

  get count(): number {
    return this.#byFirst.size
  }

  /** @param first behind those of all others */
  open(first: number, producerId: number): void {
    this.#byFirst.set(first, producerId)
    this.#first ??= offset(first)
  }

  close(first: number): void {
    this.#byFirst.delete(first)
    if (first === this.#first) this.#first = this.#oldest()
  }

  /** Takes the place of all that are known, in any order. */
  replace(transactions: readonly { readonly first: number; readonly producerId: number }[]): void {
    this.#byFirst.clear()
    this.#first = undefined
    for (const { first, producerId } of [...transactions].sort((a, b) => a.first - b.first))
      this.open(first, producerId)
  }

  #oldest(): Offset | undefined {
    for (const first of this.#byFirst.keys()) return offset(first)
    return undefined
  }
}
