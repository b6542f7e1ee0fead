import { assert } from './assert.ts'

/** Ring of fixed capacity (a power of two). Full: `offer` says false, and whoever makes the items must wait. */
export class BoundedQueue<T> {
  readonly #slots: (T | undefined)[]
  readonly #mask: number
  #head = 0
  #count = 0

  constructor(capacity: number) {
    assert(capacity > 0 && (capacity & (capacity - 1)) === 0, () => `capacity ${capacity} is not a power of two`)
    this.#slots = new Array<T | undefined>(capacity).fill(undefined)
    this.#mask = capacity - 1
  }

  get size(): number {
    return this.#count
  }

  get full(): boolean {
    return this.#count === this.#slots.length
  }

  offer(item: T): boolean {
    if (this.#count === this.#slots.length) return false
    this.#slots[(this.#head + this.#count++) & this.#mask] = item
    return true
  }

  peek(): T | undefined {
    return this.#count === 0 ? undefined : this.#slots[this.#head]
  }

  poll(): T | undefined {
    if (this.#count === 0) return undefined
    const item = this.#slots[this.#head]
    this.#slots[this.#head] = undefined // let it be collected
    this.#head = (this.#head + 1) & this.#mask
    this.#count--
    return item
  }
}
