import type { Clock } from '@millrace/kernel'

/** One sleeper that many may wake. A wake between `reset` and `wait` is not lost: the wait ends at once. */
export class WakeUp {
  readonly #clock: Clock
  #woken = false
  #sleeper: (() => void) | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  wake(): void {
    this.#woken = true
    this.#sleeper?.()
  }

  reset(): void {
    this.#woken = false
  }

  /** Until woken, for `timeoutMs`, or until the signal fires; never throws. */
  wait(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.#woken || signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, () => this.#sleeper?.())
      this.#sleeper = () => {
        this.#sleeper = undefined
        timer.cancel()
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      const wake = () => this.#sleeper?.()
      signal?.addEventListener('abort', wake)
    })
  }
}
