import { Buffer } from 'node:buffer'
import { offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { BatchBuilder, BatchCursor, bytesOut, recordCount } from '@millrace/record/internal'
import { beforeEach, describe, expect, test } from 'vitest'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '../src/internal.ts'
import { batchesOf, startMs } from './fixture.ts'

const backoffMs = 15_000
let clock: SimClock
let disk: SimDisk
let metrics: ReturnType<typeof memoryMetrics>
let directory: LogDirectory

beforeEach(async () => {
  clock = new SimClock(startMs)
  disk = new SimDisk({ nowMs: () => clock.nowMs() })
  metrics = memoryMetrics()
  directory = await open()
})

function open(): Promise<LogDirectory> {
  return openLogDirectory('/data', { disk, clock, random: new SimRandom(1), log: silentLog, metrics })
}

async function topic(name: string, configs: Readonly<Record<string, string>> = {}): Promise<PartitionLog> {
  const all = { 'cleanup.policy': 'compact', 'segment.bytes': '400', 'min.cleanable.dirty.ratio': '0.01', ...configs }
  await directory.createTopic({ name, partitions: 1, configs: new Map(Object.entries(all)) })
  return directory.partition(name, 0)!
}

/** One batch of records, `k=v` or `k` for a tombstone; each in a segment of its own where they are long enough. */
function append(log: PartitionLog, ...records: readonly string[]): void {
  const builder = new BatchBuilder()
  for (const record of records) {
    const [key, value] = record.split('=')
    const bytes = value === undefined ? null : Buffer.from(value.padEnd(150, '.'))
    builder.append(clock.nowMs(), Buffer.from(key!), bytesOut, bytes, bytesOut, null)
  }
  log.append(builder.build())
}

/** `offset:key=value` of every record; a batch without records is its offsets. */
function contents(log: PartitionLog): string[] {
  const found: string[] = []
  const cursor = new BatchCursor()
  for (let next: number = log.logStart; next < log.highWatermark; ) {
    for (const batch of batchesOf(log.read(offset(next), 1_000_000, 'read_uncommitted').bytes)) {
      if (recordCount(batch) === 0) found.push('empty')
      cursor.open(batch)
      while (cursor.next()) {
        const key = cursor.bytes.utf8Slice(cursor.keyFrom, cursor.keyTo)
        const value = cursor.valueFrom < 0 ? '' : `=${cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo)}`
        found.push(`${cursor.offset}:${key}${value.replaceAll('.', '')}`)
      }
      next = Number(batch.readBigInt64BE(0)) + batch.readInt32BE(23) + 1
    }
  }
  return found
}

async function pass(ms: number): Promise<void> {
  await clock.advance(ms)
  for (let i = 0; i < 20; i++) await clock.turn()
}

const metric = (name: string) => metrics.snapshot().get(`millrace_log_cleaner_${name}`)

describe('a clean', () => {
  test('keeps the latest of each key below the active segment, and merges what has become small', async () => {
    const log = await topic('t')
    append(log, 'a=1', 'b=1')
    append(log, 'a=2', 'c=1')
    append(log, 'a=3')
    append(log, 'a=4')
    await pass(backoffMs)
    expect(contents(log)).toEqual(['1:b=1', '3:c=1', '4:a=3', '5:a=4'])
    expect(metric('dropped_records_total{reason="superseded"}')).toBe(2)
    expect(metric('max_dirty_percent')).toBe(0)
    await directory.close()
    directory = await open()
    expect(contents(directory.partition('t', 0)!)).toEqual(['1:b=1', '3:c=1', '4:a=3', '5:a=4'])
  })

  test('dates a tombstone, and takes it by a later clean when its time is over', async () => {
    const log = await topic('t', { 'delete.retention.ms': '60000' })
    append(log, 'a=1', 'b=1')
    append(log, 'a', 'c=1')
    append(log, 'd=1', 'd=1')
    await pass(backoffMs)
    expect(contents(log).slice(0, 2)).toEqual(['1:b=1', '2:a'])
    append(log, 'e=1', 'e=1')
    await pass(backoffMs)
    expect(contents(log)).toContain('2:a')
    append(log, 'f=1', 'f=1')
    await pass(60_000)
    append(log, 'g=1', 'g=1')
    await pass(backoffMs)
    expect(contents(log)).not.toContain('2:a')
    expect(metric('dropped_records_total{reason="tombstones"}')).toBe(1)
  })

  test('waits until enough is dirty', async () => {
    const log = await topic('t', { 'min.cleanable.dirty.ratio': '1' })
    append(log, 'a=1', 'a=2')
    append(log, 'a=3', 'a=4')
    await pass(10 * backoffMs)
    expect(contents(log)).toHaveLength(4)
    await directory.alterConfigs('t', new Map([['cleanup.policy', 'compact']]))
    await pass(backoffMs)
    expect(contents(log)).toEqual(['1:a=2', '2:a=3', '3:a=4'])
  })

  test('leaves alone what is younger than min.compaction.lag.ms', async () => {
    const log = await topic('t', { 'min.compaction.lag.ms': '100000' })
    append(log, 'a=1', 'a=2')
    append(log, 'b=1', 'b=2')
    await pass(backoffMs)
    expect(contents(log)).toHaveLength(4)
    await pass(100_000)
    expect(contents(log)).toEqual(['1:a=2', '2:b=1', '3:b=2'])
  })

  test('reaches what nobody writes behind in max.compaction.lag.ms', async () => {
    const configs = { 'max.compaction.lag.ms': '60000', 'segment.bytes': '100000', 'min.cleanable.dirty.ratio': '1' }
    const log = await topic('t', configs)
    append(log, 'a=1', 'a=2')
    await pass(50_000)
    expect(contents(log)).toHaveLength(2)
    await pass(60_000)
    expect(contents(log)).toEqual(['1:a=2'])
  })

  test('drops records without a key from before the topic was compacted', async () => {
    const log = await topic('t', { 'cleanup.policy': 'delete' })
    const builder = new BatchBuilder()
    for (let i = 0; i < 2; i++) builder.append(startMs, null, bytesOut, Buffer.alloc(150), bytesOut, null)
    log.append(builder.build())
    append(log, 'a=1', 'b=1')
    const configs = { 'cleanup.policy': 'compact', 'segment.bytes': '400', 'min.cleanable.dirty.ratio': '0' }
    await directory.alterConfigs('t', new Map(Object.entries(configs)))
    await pass(backoffMs)
    expect(contents(log)).toEqual(['empty', '2:a=1', '3:b=1'])
    expect(metric('dropped_records_total{reason="keyless"}')).toBe(2)
  })
})

describe('a partition that cannot be cleaned', () => {
  test('is left alone and counted; the others are cleaned', async () => {
    const broken = await topic('broken')
    const sound = await topic('sound')
    for (const log of [broken, sound]) {
      append(log, 'a=1', 'a=2')
      append(log, 'a=3', 'a=4')
    }
    await broken.synced(broken.highWatermark)
    const file = disk.open('/data/broken-0/00000000000000000000.log', 'write')
    file.write(Buffer.from('damage'), 0, 6, 100)
    await pass(3 * backoffMs)
    expect(metric('uncleanable_partitions')).toBe(1)
    expect(metric('failures_total')).toBe(1)
    expect(contents(sound)).toEqual(['1:a=2', '2:a=3', '3:a=4'])
    expect(disk.list('/data/broken-0').filter((name) => name.endsWith('.cleaned'))).toEqual([])
  })

  test('is tried again when the disk was full', async () => {
    const log = await topic('t')
    append(log, 'a=1', 'a=2')
    append(log, 'a=3', 'a=4')
    await pass(1)
    disk.faults.capacityBytes = disk.usedBytes() + 150
    await pass(backoffMs)
    expect(contents(log)).toHaveLength(4)
    expect(metric('uncleanable_partitions')).toBe(0)
    disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    await pass(backoffMs)
    expect(contents(log)).toEqual(['1:a=2', '2:a=3', '3:a=4'])
  })
})

test('a topic made anew is cleaned from its beginning', async () => {
  const log = await topic('t')
  for (let i = 0; i < 5; i++) append(log, 'a=1', 'a=2')
  await pass(backoffMs)
  await directory.deleteTopic('t')
  const anew = await topic('t')
  append(anew, 'a=1', 'a=2')
  append(anew, 'a=3', 'a=4')
  await pass(backoffMs)
  expect(contents(anew)).toEqual(['1:a=2', '2:a=3', '3:a=4'])
})
