import { defineConfig } from 'vitest/config'

/**
 * The lane with Apache Kafka, which it starts from its jars (Java 17 and Maven): the contract on both servers, the
 * message tables against Kafka's definitions, and whatever else has the suffix `.kafka.test.ts`.
 * `npm run test:kafka -- --update` records the answers of Apache Kafka anew.
 */
export default defineConfig({
  test: {
    include: [
      'test/contract/test/**/*.test.ts',
      'test/*/test/**/*.kafka.test.ts',
      'packages/*/test/**/*.kafka.test.ts',
      'packages/protocol/test/kafka-definitions.int.test.ts',
    ],
    globalSetup: ['test/contract/test/start-kafka.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
