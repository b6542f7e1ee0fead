import type { GotRecord } from './client-under-test.ts'

const patienceMs = 25_000

/** What comes in piece by piece, and a way to wait until it is enough. */
export class Gathered<T> {
  #all: readonly T[] = []
  #failure: unknown
  #stir = (): void => {}

  add(...more: readonly T[]): void {
    this.replace([...this.#all, ...more])
  }

  replace(all: readonly T[]): void {
    this.#all = all
    this.#stir()
  }

  fail(error: unknown): void {
    this.#failure = error
    this.#stir()
  }

  /** @throws when it is not enough after a long while, with what there is. */
  async until(enough: (all: readonly T[]) => boolean): Promise<readonly T[]> {
    const late = AbortSignal.timeout(patienceMs)
    late.addEventListener('abort', () => this.#stir(), { once: true })
    while (!enough(this.#all)) {
      if (this.#failure !== undefined) throw this.#failure
      if (late.aborted) throw new Error(`not what was waited for: ${JSON.stringify(this.#all)}`)
      await new Promise<void>((resolve) => {
        this.#stir = resolve
      })
    }
    return this.#all
  }
}

/** Partition after partition, and in each as they came. */
export function byPartition(records: readonly GotRecord[]): readonly GotRecord[] {
  return records.toSorted((a, b) => a.partition - b.partition)
}

/** So many records, or the one with that value. */
export function isRead(until: number | string): (all: readonly GotRecord[]) => boolean {
  return (all) => (typeof until === 'number' ? all.length >= until : all.some(({ value }) => value === until))
}
