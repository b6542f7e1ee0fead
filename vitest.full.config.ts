import { defineConfig } from 'vitest/config'

/** The lane of minutes: the whole main job, killed and checked row by row. One at a time. */
export default defineConfig({
  test: {
    include: ['examples/*/test/**/*.full.test.ts', 'test/*/test/**/*.full.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 900_000,
    hookTimeout: 120_000,
  },
})
