import { execFileSync } from 'node:child_process'
import { defineConfig } from 'vitest/config'

/**
 * Law 6 over thousands of histories that no earlier run has looked at: `npm test` has the same suites over the same seeds each time.
 * The base seed comes from the commit, so whoever has it sees the same histories; `MILLRACE_BASE_SEED=123` gives another one, and
 * `MILLRACE_SEED_FACTOR=20` makes it a long run.
 */
const base = process.env['MILLRACE_BASE_SEED'] ?? String(seedOfCommit() ?? seedOfDay())
const factor = process.env['MILLRACE_SEED_FACTOR'] ?? '1'

process.stdout.write(`MILLRACE_BASE_SEED=${base} MILLRACE_SEED_FACTOR=${factor}\n`)

export default defineConfig({
  test: {
    include: ['test/crash/test/**/*.seeds.test.ts', 'packages/broker/test/transactions.sim.test.ts'],
    env: {
      MILLRACE_BASE_SEED: base,
      MILLRACE_SEED_FACTOR: factor,
      TRANSACTION_FIRST_SEED: base,
      TRANSACTION_SEEDS: String(Math.ceil(500 * Number(factor))),
    },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

function seedOfCommit(): number | undefined {
  try {
    return Number.parseInt(execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'latin1' }).slice(0, 7), 16)
  } catch {
    return undefined // not a clone
  }
}

function seedOfDay(): number {
  return Math.floor(Date.now() / 86_400_000)
}
