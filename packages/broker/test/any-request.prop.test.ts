import { Buffer } from 'node:buffer'
import { type ApiName, apiNameOf, apiOf, fieldsOf, isApiName } from '@millrace/protocol/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BrokerBench, batchOf } from './broker-bench.ts'

type Shape = ReturnType<typeof fieldsOf>[string]['shape']

const names = fc.constantFrom(
  '',
  't',
  'none',
  'a b',
  'g',
  '__consumer_offsets',
  '0',
  'retention.ms',
  'cleanup.policy',
  'range',
)
const integers = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: -3, max: 4 }) },
  fc.constantFrom(0x7fff, -0x8000, 1000, 10_000),
)
const longs = fc.oneof(integers, fc.constantFrom(Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 40))
const batch = batchOf(['a', 'b'], { key: 'k' })

function anyOf(shape: Shape, topicId: string): fc.Arbitrary<unknown> {
  switch (shape.kind) {
    case 'bool':
      return fc.boolean()
    case 'string':
      return names
    case 'uuid':
      return fc.constantFrom(topicId, 'AAAAAAAAAAAAAAAAAAAAAA', 'AAAAAAAAAAAAAAAAAAAAAQ')
    case 'bytes':
      return fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))
    case 'records':
      return fc.oneof(
        fc.constant(null),
        fc.constant(batch).map((bytes) => Buffer.from(bytes)),
        fc.constant(Buffer.from('no batch')),
      )
    case 'int64':
      return longs
    case 'list':
      return fc.array(anyOf(shape.item, topicId), { maxLength: 3 })
    case 'struct':
      return fc.record(
        Object.fromEntries(
          Object.entries(shape.fields).map(([name, field]) => {
            const value = anyOf(field.shape, topicId)
            return [name, field.nullable.max >= 0 ? fc.option(value) : value]
          }),
        ),
      )
    default:
      return integers
  }
}

test('no request, whatever stands in it, makes a handler throw or the broker lose its way', async () => {
  const bench = await BrokerBench.start()
  const topicId = await bench.createTopic('t', 2)
  const { apiKeys } = await bench.send('apiVersions', { clientSoftwareName: 'test', clientSoftwareVersion: '1' })
  const offered = apiKeys
    .map(({ apiKey }) => apiNameOf(apiKey))
    .filter((name): name is ApiName => name !== undefined && isApiName(name))
  const requests = fc.constantFrom(...offered).chain((api) =>
    fc.record({
      api: fc.constant(api),
      request: anyOf({ kind: 'struct', fields: fieldsOf(api, 'request') }, topicId),
    }),
  )
  await fc.assert(
    fc.asyncProperty(requests, async ({ api, request }) => {
      let settled = false
      const answer = bench.send(api, request as object, apiOf(api).versions.max).finally(() => {
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
