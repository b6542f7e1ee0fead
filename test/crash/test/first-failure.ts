import { LawBroken } from './law-broken.ts'
import type { Weakening } from './weakened.ts'

/** What breaks the law first, with its seed; undefined where it holds over all of them. */
export async function firstFailure<Life>(
  live: (seed: number, weakening: Weakening) => Promise<Life>,
  weakening: Weakening,
  seeds: readonly number[],
  each: (life: Life) => void = () => {},
): Promise<string | undefined> {
  for (const seed of seeds) {
    try {
      each(await live(seed, weakening))
    } catch (error) {
      if (!(error instanceof LawBroken)) throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      return `seed ${seed}: ${error.message}`
    }
  }
  return undefined
}

/** So many seeds from `first` on. */
export function seedsFrom(first: number, count: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => first + i)
}
