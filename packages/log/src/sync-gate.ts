/**
 * So many syncs at a time, whoever asks: each holds an open file, and the machine does only a few at once anyway. The
 * others wait in the order they came.
 */
export class SyncGate {
  readonly #max: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  constructor(max: number) {
    this.#max = max
  }

  async run(sync: () => Promise<void>): Promise<void> {
    if (this.#running >= this.#max) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      await sync()
    } finally {
      // Whoever is next takes this place.
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}
