import { describe, expect, test } from 'vitest'
import { firstFailure, seedsFrom } from './first-failure.ts'
import { live } from './history.ts'
import { intact, weakenings } from './weakened.ts'

/** `MILLRACE_SEEDS=5000` for a long run, `MILLRACE_SEED=123` for one history again. */
const seedCount = Number(process.env['MILLRACE_SEEDS'] ?? 400)
const onlySeed = process.env['MILLRACE_SEED']

const seeds = onlySeed === undefined ? seedsFrom(1, seedCount) : [Number(onlySeed)]

test(`law 6 holds over ${seeds.length} histories of crashes`, { timeout: 600_000 }, async () => {
  expect(await firstFailure(live, intact, seeds)).toBeUndefined()
})

describe('the suite goes red for a log', () => {
  // Their histories are fixed, so a weakness that was found stays found.
  const fixed = seedsFrom(1, 400)
  test.each(weakenings)('with $name', { timeout: 600_000 }, async (weakening) => {
    expect(await firstFailure(live, weakening, fixed)).toMatch(/^seed \d+: /)
  })
})
