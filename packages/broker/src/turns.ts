import type { Clock } from '@millrace/kernel'

/** How long a request keeps everybody else waiting before it lets them have their turn. */
const sliceMs = 8

/** For a request that asks much at once: there is one thread, and others wait. */
export class Turns {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'turn'>
  #sinceMs: number

  constructor(clock: Pick<Clock, 'monotonicMs' | 'turn'>) {
    this.#clock = clock
    this.#sinceMs = clock.monotonicMs()
  }

  /** Between two pieces of work. When the time is up, a promise to be awaited: things may change. */
  due(): Promise<void> | undefined {
    return this.#clock.monotonicMs() - this.#sinceMs < sliceMs ? undefined : this.#rest()
  }

  async #rest(): Promise<void> {
    await this.#clock.turn()
    this.#sinceMs = this.#clock.monotonicMs()
  }
}
