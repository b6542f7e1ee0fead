import type { Random } from '@millrace/kernel'

/**
 * Pauses that double from `firstMs` to `maxMs`, each spread over its upper half so that many tasks do not knock in
 * step.
 */
export class BackOff {
  readonly #firstMs: number
  readonly #maxMs: number
  readonly #random: Random
  #tries = 0

  constructor(firstMs: number, maxMs: number, random: Random) {
    this.#firstMs = Math.min(firstMs, maxMs)
    this.#maxMs = maxMs
    this.#random = random
  }

  get tries(): number {
    return this.#tries
  }

  nextMs(): number {
    const whole = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#tries, 30))
    this.#tries++
    return Math.ceil(whole * (0.5 + this.#random.next() / 2))
  }

  reset(): void {
    this.#tries = 0
  }
}
