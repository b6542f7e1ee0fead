import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { defineTopology, json, string, topic } from '@millrace/streams'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type InputRecord, StreamsRoom } from '../src/streams-room.ts'

let room: StreamsRoom
beforeEach(async () => {
  room = await StreamsRoom.open()
})
afterEach(() => room.close())

const words = topic('words', { key: string(), value: string() })
const counts = topic('counts', { key: string(), value: json<number>() })

/** Counts by value, so through a repartition topic; the table of keys has a store of its own. */
const wordCount = (id: string) =>
  defineTopology(id, ({ stream, table }) => {
    stream(words)
      .groupBy((word) => word, { name: 'by-word', key: string(), value: string() })
      .count({ store: 'count' })
      .toStream()
      .to(counts)
    table(topic('names', { key: string(), value: string() }), { store: 'names' })
  })

const input = (from: number, to: number): InputRecord[] =>
  Array.from({ length: to - from }, (_, i) => {
    const n = from + i
    return { key: `k${n % 97}`, value: `word ${(n * n) % 1009}`, timestampMs: 1_700_000_000_000 + n }
  })

function recount(records: readonly InputRecord[]): Map<string, number> {
  const table = new Map<string, number>()
  for (const { value } of records) table.set(value, (table.get(value) ?? 0) + 1)
  return table
}

async function counted(): Promise<Map<string, number>> {
  return new Map([...(await room.table('counts'))].map(([word, count]) => [word, Number(count)]))
}

test('a deleted state directory is restored from the changelogs; no input is read again, the result is the same', async () => {
  await room.topics({ words: 4, counts: 2, names: 4 })
  const first = input(0, 20_000)
  await room.write('words', first)
  await room.write('names', input(0, 500))
  const topology = wordCount('wc')
  const before = await room.run(topology)
  await room.processed('wc', ['words', 'names', 'wc-by-word-repartition'])
  await before.close()
  const reads = (await before.status()).sources
  expect(reads.find((source) => source.topic === 'words')?.records).toBe(20_000)
  expect((await before.status()).restoredRecords).toBe(0)

  rmSync(join(room.directory, 'state'), { recursive: true })
  const after = await room.run(topology, { hosted: 2 })
  const more = input(20_000, 21_000)
  await room.write('words', more)
  await room.processed('wc', ['words', 'wc-by-word-repartition'])
  // The status follows a moment later.
  await room.until(async () => (await after.status()).sources.every(({ lag }) => lag === 0))
  const status = await after.status()
  // One record of the changelog for each key and commit at least.
  expect(status.restoredRecords).toBeGreaterThanOrEqual(recount(first).size + 97)
  expect(status.sources.find((source) => source.topic === 'words')?.records).toBe(1_000)
  expect(status.sources.find((source) => source.topic === 'names')?.records).toBe(0)
  expect(status.sources.map(({ lag }) => lag)).toEqual([0, 0, 0])
  await after.close()
  expect(await counted()).toEqual(recount([...first, ...more]))
})

test('a store that is ahead of its changelog is discarded and restored from the beginning', async () => {
  await room.topics({ words: 1, counts: 1, names: 1 })
  const first = input(0, 3_000)
  await room.write('words', first)
  const topology = wordCount('ahead')
  await (async () => {
    const app = await room.run(topology)
    await room.processed('ahead', ['words', 'ahead-by-word-repartition'])
    await app.close()
  })()
  // Another changelog under the same name, as when the topics were restored from an older copy.
  const kept = (await room.read('ahead-count-changelog')).slice(0, 10)
  const admin = room.client.admin()
  await admin.deleteTopics(['ahead-count-changelog'])
  await room.until(async () => (await admin.describeTopics(['ahead-count-changelog'])).length === 0)
  await room.topics({ 'ahead-count-changelog': 1 })
  const one = Buffer.alloc(8)
  one.writeBigInt64BE(1n)
  const producer = room.client.producer()
  for (const { key } of kept) await producer.send({ topic: 'ahead-count-changelog', key, value: one })
  await producer.close()

  const app = await room.run(topology)
  await room.until(async () => (await app.status()).state === 'running')
  expect((await app.status()).restoredRecords).toBe(10)
  expect(room.warnings.some((line) => line.includes('ahead of its changelog'))).toBe(true)
  expect(await app.query({ store: 'count', key: kept[0]?.key ?? '', fromMs: undefined, toMs: undefined })).toEqual({
    kind: 'value',
    value: 1,
  })
})
