import { describe, expect, test } from 'vitest'
import { live } from './history.ts'
import { LawBroken } from './law-broken.ts'
import { intact, type Weakening, weakenings } from './weakened.ts'

/** `MILLRACE_SEEDS=5000` for a long run, `MILLRACE_SEED=123` for one history again. */
const seedCount = Number(process.env['MILLRACE_SEEDS'] ?? 400)
const onlySeed = process.env['MILLRACE_SEED']

async function firstFailure(weakening: Weakening, seeds: readonly number[]): Promise<string | undefined> {
  for (const seed of seeds) {
    try {
      await live(seed, weakening)
    } catch (error) {
      if (!(error instanceof LawBroken)) throw new Error(`seed ${seed}: ${String(error)}`, { cause: error })
      return `seed ${seed}: ${error.message}`
    }
  }
  return undefined
}

const seeds = onlySeed === undefined ? Array.from({ length: seedCount }, (_, i) => i + 1) : [Number(onlySeed)]

test(`law 6 holds over ${seeds.length} histories of crashes`, { timeout: 600_000 }, async () => {
  expect(await firstFailure(intact, seeds)).toBeUndefined()
})

describe('the suite goes red for a log', () => {
  // Their histories are fixed, so a weakness that was found stays found.
  const fixed = Array.from({ length: 400 }, (_, i) => i + 1)
  test.each(weakenings)('with $name', { timeout: 600_000 }, async (weakening) => {
    expect(await firstFailure(weakening, fixed)).toMatch(/^seed \d+: /)
  })
})
