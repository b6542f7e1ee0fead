import { apiOf } from '@millrace/protocol/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BrokerBench, batchOf } from './broker-bench.ts'
import { offeredBy, requestOf } from './request-values.ts'

test('no request, whatever stands in it, makes a handler throw or the broker lose its way', async () => {
  const bench = await BrokerBench.start()
  const topicId = await bench.createTopic('t', 2)
  const requests = requestOf(await offeredBy(bench), [topicId])
  await fc.assert(
    fc.asyncProperty(requests, async ({ api, request }) => {
      let settled = false
      const answer = bench.send(api, request, apiOf(api).versions.max).finally(() => {
        settled = true
      })
      // A parked join or poll is answered once its time has come.
      for (let waited = 0; !settled && waited < 200; waited++) await bench.clock.advance(waited < 20 ? 0 : 10_000)
      expect(settled).toBe(true)
      await expect(answer).resolves.toBeDefined()
    }),
    { numRuns: 3000 },
  )
  await bench.createTopic('after')
  await bench.produce('after', batchOf(['still here']))
  expect(await bench.fetch('after', 0)).toMatchObject({ errorCode: 0 })
})
