import { SimClock } from '@millrace/kernel/sim'
import { expect, it } from 'vitest'
import { TopicWatch } from '../src/task/missing-topics.ts'

it('whoever closes the watch over topics does not wait for a broker that says nothing', async () => {
  const asked: (AbortSignal | undefined)[] = []
  const admin = {
    describeTopics: (_topics: readonly string[], options?: { readonly signal?: AbortSignal | undefined }) => {
      const signal = options?.signal
      asked.push(signal)
      return new Promise<never>((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)))
    },
    close: async () => undefined,
  }
  const told: unknown[] = []
  const watch = new TopicWatch(admin, new SimClock(), ['t'], undefined, (reason) => told.push(reason))
  watch.look()
  expect(asked).toHaveLength(1)
  expect(asked[0]).toBeInstanceOf(AbortSignal)
  await watch.close()
  expect(told).toEqual([])
})
