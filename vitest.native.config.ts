import { defineConfig } from 'vitest/config'

/**
 * The lane of clients that are not of npm: kcat and a client compiled against librdkafka (Debian's packages kcat,
 * librdkafka-dev and gcc). They are needed: where they are missing, it fails.
 */
export default defineConfig({
  test: {
    include: ['test/*/test/**/*.native.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 90_000,
    hookTimeout: 90_000,
  },
})
