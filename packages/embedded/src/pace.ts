import type { Clock } from '@millrace/kernel'

/** Answers that need no waiting resolve without a turn of the event loop; after so long one is taken all the same. */
const turnEveryMs = 5

/** A loop over answers that are known at once would keep timers and sockets from their turn for good. */
export class Pace {
  readonly #clock: Clock
  #turnedAtMs: number
  /** The turn that is being taken: all answers wait for it, or a later one would overtake an earlier. */
  #turn: Promise<void> | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#turnedAtMs = clock.monotonicMs()
  }

  async turnIfDue(): Promise<void> {
    if (this.#turn === undefined) {
      if (this.#clock.monotonicMs() - this.#turnedAtMs < turnEveryMs) return
      this.#turn = this.#take()
    }
    await this.#turn
  }

  async #take(): Promise<void> {
    await this.#clock.turn()
    this.#turn = undefined
    this.#turnedAtMs = this.#clock.monotonicMs()
  }
}
