import { Buffer } from 'node:buffer'
import { type ApiName, apiOf } from '@millrace/protocol/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BrokerBench, batchOf } from './broker-bench.ts'
import { offeredBy, requestOf } from './request-values.ts'

/** Of what is there, and of what is not. They are as long, so that nothing else tells them apart. */
const there = 'hidden'
const absent = 'nobody'
/** What says who asks, or how; not what there is. */
const open: readonly ApiName[] = ['apiVersions', 'saslHandshake', 'saslAuthenticate', 'describeCluster']

/** All names replaced, at any depth; ids of sessions are drawn by lot. */
function renamed(value: unknown, from: string, to: string): unknown {
  if (value === from) return to
  if (Array.isArray(value)) return value.map((item) => renamed(item, from, to))
  if (typeof value === 'string') return value.replaceAll(from, to)
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, name === 'sessionId' ? 0 : renamed(inner, from, to)]),
  )
}

async function furnished(): Promise<BrokerBench> {
  // Polls wait for hours in all: the transaction stays open.
  const dayMs = 86_400_000
  const bench = await BrokerBench.start({ 'authorizer.class.name': 'acl', 'transaction.max.timeout.ms': dayMs * 5 })
  bench.isInProcess = true
  await bench.createTopic(there, 2)
  await bench.produce(there, batchOf(['secret']))
  const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: 'secret' }]
  await bench.send('offsetCommit', { groupId: there, topics: [{ name: there, partitions }] })
  const { producerId, producerEpoch } = await bench.send('initProducerId', {
    transactionalId: there,
    transactionTimeoutMs: dayMs * 5,
  })
  const claim = { transactionalId: there, producerId, producerEpoch }
  await bench.send('addPartitionsToTxn', {
    transactions: [{ ...claim, topics: [{ name: there, partitions: [0] }] }],
  })
  return bench
}

async function state(bench: BrokerBench): Promise<unknown> {
  bench.isInProcess = true
  const all = {
    topics: await bench.send('metadata', { topics: null }),
    configs: await bench.send('describeConfigs', { resources: [{ resourceType: 2, resourceName: there }] }),
    offsets: await bench.send('offsetFetch', { groups: [{ groupId: there, topics: null }] }),
    groups: await bench.send('listGroups', {}),
    transactions: await bench.send('describeTransactions', { transactionalIds: [there] }),
    acls: bench.broker.security.acls.of('topic'),
    users: bench.broker.security.users.size,
    end: bench.directory.partition(there, 0)?.highWatermark,
  }
  bench.isInProcess = false
  return all
}

test('who has no rights is told the same of what is there as of what is not, and changes nothing', async () => {
  const bench = await furnished()
  const before = await state(bench)
  const apis = (await offeredBy(bench)).filter((api) => !open.includes(api))
  await fc.assert(
    fc.asyncProperty(requestOf(apis, [], [there]), async ({ api, request }) => {
      const version = apiOf(api).versions.max
      const ask = async (name: string) => {
        let answer: unknown
        const sent = bench.send(api, renamed(request, there, name) as object, version).then((got) => {
          answer = got
        })
        for (let waited = 0; answer === undefined && waited < 50; waited++) await bench.clock.advance(1000)
        await sent
        return renamed(answer, name, there)
      }
      expect(await ask(there)).toEqual(await ask(absent))
    }),
    { numRuns: 3000 },
  )
  expect(await state(bench)).toEqual(before)
})
