import { offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { beforeEach, describe, expect, test } from 'vitest'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '../src/internal.ts'
import { batch, batchesOf, startMs } from './fixture.ts'

const checkMs = 300_000
let clock: SimClock
let disk: SimDisk
let metrics: ReturnType<typeof memoryMetrics>
let directory: LogDirectory

beforeEach(async () => {
  clock = new SimClock(startMs)
  disk = new SimDisk({ nowMs: () => clock.nowMs() })
  metrics = memoryMetrics()
  directory = await openLogDirectory('/data', { disk, clock, random: new SimRandom(1), log: silentLog, metrics })
})

/** Every batch of it rolls. */
async function topic(configs: Readonly<Record<string, string>>): Promise<PartitionLog> {
  const all = new Map(Object.entries({ 'segment.bytes': '200', ...configs }))
  await directory.createTopic({ name: 'orders', partitions: 1, configs: all })
  return directory.partition('orders', 0)!
}

function append(log: PartitionLog, ...agesMs: readonly number[]): void {
  for (const ageMs of agesMs) log.append(batch(['x'.repeat(100)], { timestampMs: clock.nowMs() - ageMs }))
}

async function pass(ms: number): Promise<void> {
  await clock.advance(ms)
  for (let i = 0; i < 20; i++) await clock.turn()
}

function counted(what: string): number {
  return metrics.snapshot().get(`millrace_log_retention_${what}`) ?? 0
}

describe('retention by time', () => {
  test('lets the oldest segments go that are older than it, at the first look and at each one after it', async () => {
    const log = await topic({ 'retention.ms': '100000' })
    append(log, 200_000, 150_000, 90_000, 50_000)
    await pass(29_000)
    expect(log.logStart).toBe(0)
    await pass(2000)
    expect(log.logStart).toBe(3)
    expect(counted('segments_total{reason="time"}')).toBe(3)
    expect(counted('offsets_total{reason="time"}')).toBe(3)
    append(log, 0)
    await pass(checkMs)
    expect(log.logStart).toBe(5)
    expect(log.highWatermark).toBe(5)
  })

  test('takes the active segment too, by rolling it first; the log goes on where it was', async () => {
    const log = await topic({ 'retention.ms': '1000', 'segment.bytes': '100000' })
    append(log, 5000, 5000)
    await pass(31_000)
    expect([log.logStart, log.highWatermark]).toEqual([2, 2])
    append(log, 0)
    expect(batchesOf(log.read(offset(2), 1000, 'read_uncommitted').bytes)).toHaveLength(1)
    await directory.close()
    const ports = { disk, clock, random: new SimRandom(1), log: silentLog, metrics }
    const again = (await openLogDirectory('/data', ports)).partition('orders', 0)!
    expect([again.logStart, again.highWatermark]).toEqual([2, 3])
  })

  test('a record of the future keeps its segment and all behind it', async () => {
    const log = await topic({ 'retention.ms': '1000' })
    append(log, 50_000, -3_000_000, 50_000, 50_000)
    await pass(31_000)
    expect(log.logStart).toBe(1)
  })

  test('where no record has a time, the time of the last write counts', async () => {
    const log = await topic({ 'retention.ms': '100000' })
    for (let i = 0; i < 3; i++) log.append(batch(['x'.repeat(100)], { timestampMs: -1 }))
    await pass(31_000)
    expect(log.logStart).toBe(0)
    await pass(checkMs)
    expect(log.logStart).toBe(3)
  })

  test('what is changed at run time counts at the next look', async () => {
    const log = await topic({ 'retention.ms': '-1' })
    append(log, 10_000_000, 10_000_000)
    await pass(31_000)
    expect(log.logStart).toBe(0)
    await directory.alterConfigs('orders', new Map([['retention.ms', '1000']]))
    await pass(checkMs)
    expect(log.logStart).toBe(2)
  })
})

test('retention by size stops before it would leave less than it allows', async () => {
  const log = await topic({ 'retention.ms': '-1', 'retention.bytes': '700' })
  append(log, 0, 0, 0, 0, 0, 0, 0, 0)
  const { sizeBytes } = log
  await pass(31_000)
  expect(log.sizeBytes).toBeGreaterThanOrEqual(700)
  expect(log.sizeBytes).toBeLessThan(700 + sizeBytes / 8)
  expect(counted('bytes_total{reason="size"}')).toBe(sizeBytes - log.sizeBytes)
})

test.each(['compact', ''])('a topic with cleanup.policy=%j keeps what is old', async (policy) => {
  const log = await topic({ 'retention.ms': '1', 'retention.bytes': '1', 'cleanup.policy': policy })
  append(log, 10_000_000, 10_000_000)
  await pass(31_000 + checkMs)
  expect(log.logStart).toBe(0)
})

test('a deleted segment is called .deleted for file.delete.delay.ms, or until the next start', async () => {
  const log = await topic({ 'retention.ms': '1000', 'file.delete.delay.ms': '5000' })
  append(log, 50_000, 50_000, 0)
  await pass(30_500)
  const deleted = () => disk.list('/data/orders-0').filter((name) => name.endsWith('.deleted'))
  expect(deleted()).toContain('00000000000000000000.log.deleted')
  await pass(6000)
  expect(deleted()).toEqual([])
  append(log, 50_000)
  await pass(checkMs - 5000)
  expect(deleted()).not.toEqual([])
  const ports = { disk: disk.kill(), clock, random: new SimRandom(1), log: silentLog, metrics }
  await openLogDirectory('/data', ports)
  expect(ports.disk.list('/data/orders-0').filter((name) => name.endsWith('.deleted'))).toEqual([])
})

test('the blocks of deleted segments are never freed on the thread', async () => {
  const removed: string[] = []
  const watched = new Proxy(disk, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name !== 'remove') return value.bind(target)
      return (path: string) => {
        removed.push(path)
        disk.remove(path)
      }
    },
  })
  const ports = { disk: watched, clock, random: new SimRandom(1), log: silentLog, metrics }
  const directory = await openLogDirectory('/data2', ports)
  for (const delay of ['0', '5000']) {
    const configs = new Map(Object.entries({ 'segment.bytes': '200', 'file.delete.delay.ms': delay }))
    await directory.createTopic({ name: `t${delay}`, partitions: 1, configs })
    const log = directory.partition(`t${delay}`, 0)!
    append(log, 50_000, 50_000, 0)
    await log.deleteRecords(log.highWatermark)
    await pass(6000)
    expect(disk.list(`/data2/t${delay}-0`).filter((name) => name.startsWith('00000000000000000000.'))).toEqual([])
    await directory.deleteTopic(`t${delay}`)
  }
  await directory.close()
  expect(removed).toEqual([])
})

test('a misspelt or impossible option is refused', async () => {
  const ports = { disk: new SimDisk(), clock, random: new SimRandom(1), log: silentLog, metrics }
  await expect(openLogDirectory('/data', ports, { cleanerBackoffMs: -1 })).rejects.toThrow(/cleanerBackoffMs/)
  await expect(openLogDirectory('/data', ports, { cleanerDedupeBufferLoadFactor: 1 })).rejects.toThrow(
    /between 0 and 1/,
  )
})
