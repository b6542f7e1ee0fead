import { defineConfig } from 'vitest/config'

/**
 * Tests run against the built packages (`dist`), as a user's program does; `npm test` builds first.
 * A lane is a file suffix: `x.test.ts` quick, `x.sim.test.ts` and `x.crash.test.ts` many seeds, `x.int.test.ts` starts
 * real servers that npm can install, `x.full.test.ts` and `x.seeds.test.ts` take minutes and have commands of their own.
 */
export default defineConfig({
  test: {
    include: [
      'packages/*/test/**/*.test.ts',
      'connectors/*/test/**/*.test.ts',
      'examples/*/test/**/*.test.ts',
      'test/*/test/**/*.test.ts',
    ],
    exclude: [
      '**/node_modules/**',
      '**/*.full.test.ts',
      '**/*.seeds.test.ts',
      '**/*.kafka.test.ts',
      '**/*.native.test.ts',
      '**/*.cluster.test.ts',
    ],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
