import type { Clock } from '@millrace/kernel'

/** Answers that need no waiting resolve without a turn of the event loop; after so long one is taken all the same. */
const turnEveryMs = 5

/** A loop over answers that are known at once would keep timers and sockets from their turn for good. */
export class Pace {
  readonly #clock: Clock
  #turnedAtMs: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#turnedAtMs = clock.monotonicMs()
  }

  async turnIfDue(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#turnedAtMs < turnEveryMs) return
    await this.#clock.turn()
    this.#turnedAtMs = this.#clock.monotonicMs()
  }
}
