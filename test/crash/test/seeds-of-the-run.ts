import { expect, test } from 'vitest'
import { firstFailure, seedsFrom } from './first-failure.ts'
import { intact, type Weakening } from './weakened.ts'

/** Set by vitest.crash.config.ts: another one for each commit. */
const base = Number(process.env['MILLRACE_BASE_SEED'] ?? 1)
const factor = Number(process.env['MILLRACE_SEED_FACTOR'] ?? 1)
/** A few tests of each suite, so that one that fails says so early and the others go on. */
const parts = 4

/** Histories that no other run has looked at. @param file where one of them is shown again */
export function holdsOverSeeds<Life>(
  file: string,
  count: number,
  live: (seed: number, weakening: Weakening) => Promise<Life>,
): void {
  const each = Math.ceil((count * factor) / parts)
  for (let part = 0; part < parts; part++) {
    const first = base + part * each
    test(`law 6 holds over ${each} histories from seed ${first} on`, { timeout: 3_600_000 }, async () => {
      const failure = await firstFailure(live, intact, seedsFrom(first, each))
      const again = failure?.replace(/^seed (\d+)/, `MILLRACE_SEED=$1 npx vitest run ${file} shows it again. Seed $1`)
      expect(again).toBeUndefined()
    })
  }
}
