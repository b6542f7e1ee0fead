/** Things that happen, in order, and a way to wait for so many of them. */
export class Notes<T> {
  readonly all: T[] = []
  #waiting: (() => void)[] = []
  #failure: { readonly error: unknown } | undefined

  add(note: T): void {
    this.all.push(note)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** Nothing more will come: who waits for more is told why. */
  fail(error: unknown): void {
    this.#failure = { error }
    for (const wake of this.#waiting.splice(0)) wake()
  }

  /** All so far, once there are so many. */
  async until(count: number): Promise<readonly T[]> {
    while (this.all.length < count) await this.#stirred()
    return [...this.all]
  }

  /** Resolves when one is as it should be. */
  async untilSome(isIt: (note: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.all.find(isIt)
      if (found !== undefined) return found
      await this.#stirred()
    }
  }

  async #stirred(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure.error
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}
