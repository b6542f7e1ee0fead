import { fill, type Partially, type RequestOf } from '@millrace/protocol/internal'
import { expect, test } from 'vitest'
import { serve } from '../src/server/serve.ts'
import type { GivenSettings } from '../src/settings.ts'
import { AheadReader, count, endOf, fetchNow, heldBytes } from './ahead-reader.ts'
import { BrokerBench, batchOf, recordsOf, valuesOf } from './broker-bench.ts'
import { RawClient } from './raw-client.ts'
import { TransactionalProducer } from './transactional-producer.ts'

const partitionMaxBytes = 1000

/** Twenty batches of 400 bytes or so in each partition. */
async function start(settings: GivenSettings = {}, partitions = 1): Promise<BrokerBench> {
  const bench = await BrokerBench.start(settings)
  await bench.createTopic('t', partitions)
  for (let index = 0; index < partitions; index++) {
    for (let i = 0; i < 20; i++) await bench.produce('t', batchOf([`${i}`, 'x'.repeat(300)]), { index })
  }
  return bench
}

function from(fetchOffset: number, partitions = 1) {
  const rows = Array.from({ length: partitions }, (_, partition) => ({ partition, fetchOffset, partitionMaxBytes }))
  return { topics: [{ topic: 't', partitions: rows }] }
}

/** Reads, and lets what follows be read for the next one. Returns the end. */
async function read(bench: BrokerBench, reader: AheadReader, at: number, partitions = 1): Promise<number> {
  const answer = await reader.fetch(bench, from(at, partitions))
  expect(answer).toEqual(await fetchNow(bench, from(at, partitions)))
  const end = endOf(recordsOf(answer).records) ?? at
  reader.sent()
  for (let turn = 0; turn <= partitions; turn++) await bench.clock.turn()
  return end
}

test('a reader that goes on is answered what was read ahead', async () => {
  const bench = await start()
  const reader = new AheadReader()
  let at = 0
  for (let end = await read(bench, reader, at); end > at; end = await read(bench, reader, at)) at = end
  expect(at).toBe(40)
  expect(count(bench, 'used')).toBe(8) // ten answers of two batches: neither the first nor the one that ends the log
  expect(count(bench, 'unused')).toBe(1)
  expect(heldBytes(bench)).toBe(0)
  expect(reader.pool.lentBytes).toBe(0)
})

test('one that does not go on is left alone, and tried again after ten seconds', async () => {
  const bench = await start()
  const reader = new AheadReader()
  for (const at of [0, 20, 8, 30]) await read(bench, reader, at)
  expect([count(bench, 'used'), count(bench, 'unused')]).toEqual([0, 1])
  expect(heldBytes(bench)).toBe(0)
  await bench.clock.advance(10_000)
  await read(bench, reader, await read(bench, reader, 0))
  expect(count(bench, 'used')).toBe(1)
})

test('what is not asked for within a second is let go, and so is what a connection leaves', async () => {
  const bench = await start()
  const [slow, gone] = [new AheadReader(), new AheadReader()]
  await read(bench, slow, 0)
  await bench.clock.advance(500)
  await read(bench, gone, 0)
  const both = heldBytes(bench)
  expect(both).toBeGreaterThan(partitionMaxBytes)
  await bench.clock.advance(500)
  expect(heldBytes(bench)).toBe(both / 2)
  expect(slow.pool.lentBytes).toBe(0)
  gone.close()
  expect(heldBytes(bench)).toBe(0)
  expect(gone.pool.lentBytes).toBe(0)
  expect(count(bench, 'unused')).toBe(2)
})

test('nothing is read for a fetch that has begun already, or when it is switched off', async () => {
  const bench = await start()
  const reader = new AheadReader()
  await reader.fetch(bench, from(0))
  await reader.fetch(bench, from(4))
  reader.sent() // the first of them was not the last
  for (let turn = 0; turn < 5; turn++) await bench.clock.turn()
  await read(bench, reader, 8)
  expect([count(bench, 'used'), count(bench, 'unused')]).toEqual([1, 0])

  const without = await start({ 'fetch.read.ahead.max.bytes': 0 })
  await read(without, reader, await read(without, reader, 0))
  expect(heldBytes(without)).toBe(0)
  expect([count(without, 'used'), count(without, 'unused')]).toEqual([0, 0])
})

test('all connections together hold no more than the setting allows, and go on', async () => {
  const most = 5500
  const bench = await start({ 'fetch.read.ahead.max.bytes': most }, 3)
  const readers = Array.from({ length: 5 }, () => new AheadReader())
  const at = readers.map(() => 0)
  let held = 0
  for (let round = 0; round < 8; round++) {
    for (const [i, reader] of readers.entries()) {
      at[i] = await read(bench, reader, at[i] ?? 0, 3)
      expect(heldBytes(bench)).toBeLessThanOrEqual(most)
      held = Math.max(held, heldBytes(bench))
    }
  }
  expect(held).toBeGreaterThan(most - partitionMaxBytes)
  expect(at).toEqual(readers.map(() => 32))
  expect(count(bench, 'used')).toBeGreaterThan(20)
})

test('over a socket', async () => {
  const bench = await start()
  const server = await serve(bench.broker, { port: 0 })
  const client = await RawClient.connect(server.port)
  const values: string[] = []
  for (let at = 0, i = 0; at < 40; i++) {
    const request = fill('fetch', 'request', { minBytes: 1, maxBytes: 1 << 20, sessionEpoch: -1, ...from(at) })
    client.send('fetch', 11, i, request)
    const { value } = await client.answer('fetch', 11)
    const { records } = recordsOf(value)
    values.push(...valuesOf(records).filter((each) => !each.startsWith('x')))
    at = endOf(records) ?? 40
    // The answer has come; that it has left is known a little later.
    while (i === 0 && heldBytes(bench) === 0) await bench.clock.turn()
  }
  expect(values).toEqual(Array.from({ length: 20 }, (_, i) => `${i}`))
  expect(count(bench, 'used')).toBeGreaterThan(0)
  client.socket.destroy()
  await server.close()
  expect(heldBytes(bench)).toBe(0)
})

/** The next fetch, of what lies ready, against what is read this moment. */
async function compare(bench: BrokerBench, reader: AheadReader, request: Partially<RequestOf<'fetch'>>): Promise<void> {
  const [given, now] = await Promise.all([reader.fetch(bench, request), fetchNow(bench, request)])
  expect(given).toEqual(now)
  reader.sent()
}

test('records that are deleted are not answered from memory', async () => {
  const bench = await start()
  const reader = new AheadReader()
  const at = await read(bench, reader, 0)
  expect(heldBytes(bench)).toBeGreaterThan(0)
  await bench.send('deleteRecords', { topics: [{ name: 't', partitions: [{ partitionIndex: 0, offset: at + 1 }] }] })
  await compare(bench, reader, from(at))
  expect(count(bench, 'unused')).toBe(1)
})

test('a piece that ends with the log is not answered once there is more', async () => {
  const bench = await BrokerBench.start()
  await bench.createTopic('t')
  for (let i = 0; i < 3; i++) await bench.produce('t', batchOf(['x'.repeat(300), 'y']))
  const reader = new AheadReader()
  const at = await read(bench, reader, 0)
  expect(at).toBe(4)
  await bench.produce('t', batchOf(['x'.repeat(300), 'y']))
  await compare(bench, reader, from(at))
})

test('one who reads committed records is not answered what was read ahead for one who reads all', async () => {
  const bench = await start()
  const producer = await TransactionalProducer.start(bench, 'open')
  expect(await producer.send('t', 0, ['x'.repeat(300), 'y'])).toBe('NONE')
  for (let i = 0; i < 4; i++) await bench.produce('t', batchOf(['x'.repeat(300), 'y']))
  const reader = new AheadReader()
  const at = await read(bench, reader, 34)
  expect(at).toBe(38)
  expect(heldBytes(bench)).toBeGreaterThan(0)
  await compare(bench, reader, { ...from(at), isolationLevel: 1 })
  expect(count(bench, 'unused')).toBe(1)
})

test('what the cleaner has rewritten is read anew', async () => {
  const bench = await BrokerBench.start()
  const cleaned = { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0.01', 'segment.bytes': '2000' }
  await bench.createTopic('t', 1, cleaned)
  for (let i = 0; i < 40; i++) await bench.produce('t', batchOf([`${i}`, 'x'.repeat(300)], { key: `${i % 30}` }))
  for (let i = 0; i < 40; i++) {
    const reader = new AheadReader()
    const at = await read(bench, reader, 20)
    await bench.clock.advance(900) // within a second each, the cleaner's turn comes too
    await compare(bench, reader, from(at))
    reader.close()
  }
  expect(bench.directory.partition('t', 0)?.tail.swaps).toBeGreaterThan(0)
  expect(count(bench, 'used')).toBeGreaterThan(30)
})
