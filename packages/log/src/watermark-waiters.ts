import type { Offset } from '@millrace/kernel'

interface Waiter {
  readonly offset: Offset
  readonly callback: () => void
}

/** Long polls: who waits for the high watermark, or the last stable offset, to pass an offset. */
export class WatermarkWaiters {
  readonly #waiters = new Set<Waiter>()

  add(offset: Offset, callback: () => void): { cancel(): void } {
    const waiter = { offset, callback }
    this.#waiters.add(waiter)
    return { cancel: () => void this.#waiters.delete(waiter) }
  }

  /** Takes those off the list first: a callback may wait anew, or append. */
  passed(reached: number): void {
    if (this.#waiters.size === 0) return
    const ready: Waiter[] = []
    for (const waiter of this.#waiters) if (waiter.offset < reached) ready.push(waiter)
    for (const waiter of ready) this.#waiters.delete(waiter)
    for (const waiter of ready) waiter.callback()
  }
}
