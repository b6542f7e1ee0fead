import { describe, expect, test } from 'vitest'
import { liveCleaning } from './cleaning-history.ts'
import { firstFailure, seedsFrom } from './first-failure.ts'
import { intact } from './weakened.ts'
import { weakenedCleanings } from './weakened-cleaning.ts'

/** `MILLRACE_SEEDS=5000` for a long run, `MILLRACE_SEED=123` for one history again. */
const seedCount = Number(process.env['MILLRACE_SEEDS'] ?? 100)
const onlySeed = process.env['MILLRACE_SEED']
const seeds = onlySeed === undefined ? seedsFrom(1, seedCount) : [Number(onlySeed)]

test(`law 6 holds over ${seeds.length} histories of cleaning and retention`, { timeout: 1_800_000 }, async () => {
  let dropped = 0
  let retained = 0
  const failure = await firstFailure(liveCleaning, intact, seeds, (life) => {
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
    const fixed = seedsFrom(weakening.firstSeed, 300)
    expect(await firstFailure(liveCleaning, weakening, fixed)).toMatch(/^seed \d+: /)
  })
})
