import { describe, expect, test } from 'vitest'
import { type CleaningLife, liveCleaning } from './cleaning-history.ts'
import { LawBroken } from './law-broken.ts'
import { intact, type Weakening } from './weakened.ts'
import { weakenedCleanings } from './weakened-cleaning.ts'

/** `MILLRACE_SEEDS=5000` for a long run, `MILLRACE_SEED=123` for one history again. */
const seedCount = Number(process.env['MILLRACE_SEEDS'] ?? 100)
const onlySeed = process.env['MILLRACE_SEED']
const seeds = onlySeed === undefined ? Array.from({ length: seedCount }, (_, i) => i + 1) : [Number(onlySeed)]

async function firstFailure(
  weakening: Weakening,
  of: readonly number[],
  each: (life: CleaningLife) => void = () => {},
): Promise<string | undefined> {
  for (const seed of of) {
    try {
      each(await liveCleaning(seed, weakening))
    } catch (error) {
      if (!(error instanceof LawBroken)) throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      return `seed ${seed}: ${error.message}`
    }
  }
  return undefined
}

test(`law 6 holds over ${seeds.length} histories of cleaning and retention`, { timeout: 1_800_000 }, async () => {
  let dropped = 0
  let retained = 0
  const failure = await firstFailure(intact, seeds, (life) => {
    dropped += life.dropped
    retained += life.retained
  })
  expect(failure).toBeUndefined()
  // A history without cleaning would prove nothing.
  expect(dropped).toBeGreaterThan(seeds.length)
  if (seeds.length > 1) expect(retained).toBeGreaterThan(0)
})

describe('the suite goes red for a cleaner', () => {
  // Their histories are fixed, so a weakness that was found stays found.
  test.each(weakenedCleanings)('with $name', { timeout: 600_000 }, async (weakening) => {
    const fixed = Array.from({ length: 300 }, (_, i) => weakening.firstSeed + i)
    expect(await firstFailure(weakening, fixed)).toMatch(/^seed \d+: /)
  })
})
