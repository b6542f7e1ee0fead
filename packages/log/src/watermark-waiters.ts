import type { Offset } from '@millrace/kernel'

interface Waiter {
  readonly offset: Offset
  readonly callback: () => void
}

/** Long polls: who waits for the high watermark, or the last stable offset, to pass an offset. */
export class WatermarkWaiters {
  #waiters: Waiter[] = []

  add(offset: Offset, callback: () => void): { cancel(): void } {
    const waiter = { offset, callback }
    this.#waiters.push(waiter)
    return {
      cancel: () => {
        const at = this.#waiters.indexOf(waiter)
        if (at >= 0) this.#waiters.splice(at, 1)
      },
    }
  }

  /** Takes those off the list first: a callback may wait anew, or append. */
  passed(reached: Offset): void {
    if (this.#waiters.length === 0) return
    const ready = this.#waiters.filter((waiter) => waiter.offset < reached)
    if (ready.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => waiter.offset >= reached)
    for (const waiter of ready) waiter.callback()
  }
}
