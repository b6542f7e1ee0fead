import { defineConfig } from 'vitest/config'

/**
 * Three brokers of Apache Kafka, started from its jars, whose leaders are killed under load. By itself: on two cores it
 * would take the time that other tests of Apache Kafka wait for.
 */
export default defineConfig({
  test: {
    include: ['test/contract/test/**/*.cluster.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 240_000,
  },
})
