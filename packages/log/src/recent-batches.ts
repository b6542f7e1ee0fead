/** As Kafka's `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`: a client has at most five batches under way. */
const batchesKept = 5
/** Of a batch: its last sequence, its last offset, and how far that is from its first. */
const numbersPerBatch = 3

/**
 * The last five batches of a producer, in place: an append makes no object that lives on, and a look for a duplicate goes over memory
 * that lies together.
 */
export class RecentBatches {
  #numbers: number[] | undefined
  #count = 0
  /** Batch that the next one takes the place of, once there are five. */
  #next = 0

  get count(): number {
    return this.#count
  }

  /** Of the newest; -1: it had none, or there is no batch. */
  get lastSequence(): number {
    return this.#ofLast(0, -1)
  }

  /** Of the newest; -1: there is none. */
  get lastOffset(): number {
    return this.#ofLast(1, -1)
  }

  /** From the first to the last record of the newest; 0 where there is none. */
  get lastOffsetDelta(): number {
    return this.#ofLast(2, 0)
  }

  /** @param lastSequence -1: it has none */
  add(lastSequence: number, lastOffset: number, offsetDelta: number): void {
    this.#numbers ??= [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    const at = this.#next * numbersPerBatch
    this.#numbers[at] = lastSequence
    this.#numbers[at + 1] = lastOffset
    this.#numbers[at + 2] = offsetDelta
    this.#next = (this.#next + 1) % batchesKept
    if (this.#count < batchesKept) this.#count++
  }

  clear(): void {
    this.#count = 0
    this.#next = 0
  }

  /** Last offset of the one with this sequence and length; undefined where none of the five is it. */
  find(lastSequence: number, offsetDelta: number): number | undefined {
    for (let at = 0; at < this.#count * numbersPerBatch; at += numbersPerBatch) {
      if (this.#numbers?.[at] === lastSequence && this.#numbers[at + 2] === offsetDelta) return this.#numbers[at + 1]
    }
    return undefined
  }

  #ofLast(which: number, none: number): number {
    if (this.#count === 0) return none
    const last = (this.#next + batchesKept - 1) % batchesKept
    return this.#numbers?.[last * numbersPerBatch + which] ?? none
  }
}
