import type { SimRandom } from '@millrace/kernel/sim'

/** The syncs of a simulated disk: each is under way until somebody lets it end. */
export class HeldSyncs {
  readonly #held: (() => void)[] = []

  /** For `SimDisk`. */
  readonly pause = (): Promise<void> => new Promise((resolve) => this.#held.push(resolve))

  /** Lets one end, any of them. */
  endOne(random: SimRandom): void {
    this.#held.splice(random.integer(this.#held.length), 1)[0]?.()
  }

  /** Lets up to `most` end, in any order. */
  async endSome(random: SimRandom, most: number): Promise<void> {
    for (let i = random.integer(most); i >= 0 && this.#held.length > 0; i--) {
      this.endOne(random)
      await turn()
    }
  }

  /** Those of a process that is gone never end. */
  forget(): void {
    this.#held.length = 0
  }

  /** Lets all end until the promise has settled. @param goesOn asked after each turn; false: whoever waits is gone */
  async settled<T>(promise: Promise<T>, goesOn: () => boolean): Promise<T> {
    let isSettled = false
    const watched = promise.finally(() => {
      isSettled = true
    })
    watched.catch(() => {})
    do {
      for (const end of this.#held.splice(0)) end()
      await turn()
    } while (goesOn() && !isSettled)
    return watched
  }
}

/** What can run has run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
