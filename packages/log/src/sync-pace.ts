import type { Clock } from '@millrace/kernel'

/** Partitions that may sync as they like, side by side. */
const unpacedMax = 2

/**
 * Paces the syncs of a directory. A sync costs about 0.1 ms of a core whatever it makes durable, so twenty busy
 * partitions that each sync as
 * fast as the device answers would take a third of a core for nothing: more bytes could share each sync. One or two
 * busy
 * partitions sync at once; of more, one is let through each interval, in the order they came. Who has most to gain
 * waits
 * some milliseconds longer, and every wait is bounded by the number of partitions times the interval.
 */
export class SyncPace {
  readonly #clock: Clock
  readonly #intervalMs: number
  readonly #waiting: (() => void)[] = []
  #busy = 0
  #lastMs = Number.NEGATIVE_INFINITY
  #ticking = false

  /** @param intervalMs between two syncs of more than two busy partitions; 0: nobody waits */
  constructor(clock: Clock, intervalMs: number) {
    this.#clock = clock
    this.#intervalMs = intervalMs
  }

  /** A partition has something to sync; until `leave` it counts as busy. */
  enter(): void {
    this.#busy++
  }

  leave(): void {
    this.#busy--
  }

  /** Resolves when the caller may sync; undefined: now. */
  turn(): Promise<void> | undefined {
    const now = this.#clock.monotonicMs()
    if (this.#waiting.length === 0 && (this.#busy <= unpacedMax || now - this.#lastMs >= this.#intervalMs)) {
      this.#lastMs = now
      return undefined
    }
    return new Promise((resolve) => {
      this.#waiting.push(resolve)
      this.#tick()
    })
  }

  /** A late timer lets through as many as it is late. */
  #tick(): void {
    if (this.#ticking) return
    this.#ticking = true
    this.#clock.after(this.#intervalMs, () => {
      this.#ticking = false
      const now = this.#clock.monotonicMs()
      const due =
        this.#busy <= unpacedMax
          ? this.#waiting.length
          : Math.max(1, Math.floor((now - this.#lastMs) / this.#intervalMs))
      this.#lastMs = now
      for (const resolve of this.#waiting.splice(0, due)) resolve()
      if (this.#waiting.length > 0) this.#tick()
    })
  }
}
