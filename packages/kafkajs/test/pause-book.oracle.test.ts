import { createRequire } from 'node:module'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { PauseBook } from '../src/consumer/pause-book.ts'

/** kafkajs's own bookkeeping, for its view of what is paused. */
interface SubscriptionState {
  pause(targets: readonly object[]): void
  resume(targets: readonly object[]): void
  isPaused(topic: string, partition: number): boolean
}
const State: new () => SubscriptionState = createRequire(import.meta.url)('kafkajs/src/consumer/subscriptionState.js')

const target = fc.record(
  { topic: fc.constantFrom('a', 'b'), partitions: fc.uniqueArray(fc.nat(3), { maxLength: 4 }) },
  { requiredKeys: ['topic'] },
)
const call = fc.record({ verb: fc.constantFrom('pause' as const, 'resume' as const), target })

test('what is paused is what kafkajs thinks is paused, whatever was called before', () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 12 }), (calls) => {
      const ours = new PauseBook()
      const theirs = new State()
      for (const { verb, target } of calls) {
        ours[verb](target)
        theirs[verb]([target])
      }
      for (const topic of ['a', 'b']) {
        for (const partition of [0, 1, 2, 3]) {
          expect(ours.isPaused(topic, partition)).toBe(theirs.isPaused(topic, partition))
        }
      }
    }),
    { numRuns: 1000 },
  )
})
