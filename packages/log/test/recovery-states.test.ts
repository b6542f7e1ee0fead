import { offset } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import type { ValidBatch } from '@millrace/record/internal'
import { describe, expect, test } from 'vitest'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '../src/internal.ts'
import { countingDisk } from './counting-disk.ts'
import { batch, batchesOf, openAt, ports, startMs } from './fixture.ts'

const path = '/data'
const partition = '/data/orders-0'
const configs = new Map([
  ['segment.bytes', '1000'],
  ['index.interval.bytes', '200'],
])

function data(producerId: number, baseSequence: number, more: object = {}): ValidBatch {
  const values = [`value-${producerId}-${baseSequence}`]
  return batch(values, { producerId, producerEpoch: 0, baseSequence, transactional: true, ...more })
}

function end(log: PartitionLog, producerId: number, commit: boolean): void {
  log.appendMarker({ producerId, producerEpoch: 0, coordinatorEpoch: 1, commit, transactionVersion: 1 })
}

/** Two leader epochs, several segments, transactions of every fate; one stays open. */
async function fill(): Promise<{ directory: LogDirectory; disk: SimDisk }> {
  let disk = new SimDisk()
  let directory = await openAt({ path, disk })
  await directory.createTopic({ name: 'orders', partitions: 1, configs })
  for (let epoch = 0; epoch < 2; epoch++) {
    const log = directory.partition('orders', 0)!
    for (let i = 0; i < 12; i++) {
      log.append(data(1, 20 * epoch + i), { transactionVersion: 1 })
      log.append(data(2, 20 * epoch + i), { transactionVersion: 1 })
      if (i % 4 === 3) end(log, 1, false)
      if (i % 5 === 4) end(log, 2, i % 2 === 0)
      log.append(batch([`plain-${i}`], { timestampMs: startMs + i }))
    }
    end(log, 1, false)
    end(log, 2, true)
    await log.synced(log.highWatermark)
    if (epoch > 0) continue
    disk = disk.kill()
    directory = await openAt({ path, disk })
    await directory.partition('orders', 0)?.synced(offset(1))
    for (let i = 12; i < 20; i++) {
      directory.partition('orders', 0)?.append(data(1, i), { transactionVersion: 1 })
      directory.partition('orders', 0)?.append(data(2, i), { transactionVersion: 1 })
    }
  }
  directory.partition('orders', 0)?.append(data(3, 0), { transactionVersion: 1 })
  return { directory, disk }
}

/** Everything a reader, a producer or a coordinator could ask for. */
function viewOf(log: PartitionLog): object {
  const aborted: unknown[] = []
  for (let from: number = log.logStart; from < log.highWatermark; from += 3) {
    const found = log.abortedBetween(offset(from), log.lastStable)
    aborted.push(found.map((each) => `${each.producerId}@${each.firstOffset}`))
  }
  const bytes: string[] = []
  for (let at: number = log.logStart; at < log.highWatermark; ) {
    const batches = batchesOf(log.read(offset(at), 500, 'read_uncommitted').bytes)
    for (const each of batches) bytes.push(each.toString('base64'))
    at = Number(batches.at(-1)!.readBigInt64BE(0)) + batches.at(-1)!.readInt32BE(23) + 1
  }
  return {
    start: log.logStart,
    end: log.highWatermark,
    lastStable: log.lastStable,
    abortedEnd: log.tail.abortedEnd,
    aborted,
    bytes,
    producers: [...log.producers()].sort((a, b) => a.producerId - b.producerId),
    epochs: [0, 1].map((epoch) => log.endOffsetForEpoch(epoch)),
    byTime: log.offsetForTimestamp(startMs + 5),
  }
}

type Damage = (disk: SimDisk, file: string) => void

const missing: Damage = (disk, file) => disk.remove(file)
const empty: Damage = (disk, file) => cut(disk, file, () => 0)
const short: Damage = (disk, file) => cut(disk, file, (size) => Math.max(0, size - 3))
const half: Damage = (disk, file) => cut(disk, file, (size) => Math.floor(size / 2))
const longer: Damage = (disk, file) => cut(disk, file, (size) => size + 5)
const flipped: Damage = (disk, file) => {
  const open = disk.open(file, 'write')
  const byte = Buffer.alloc(1)
  const at = Math.floor(open.size() / 2)
  open.read(byte, 0, 1, at)
  byte[0] = byte[0]! ^ 0x41
  open.write(byte, 0, 1, at)
}

function cut(disk: SimDisk, file: string, to: (size: number) => number): void {
  const open = disk.open(file, 'write')
  open.truncate(to(open.size()))
}

const stops: [string, (from: { directory: LogDirectory; disk: SimDisk }) => Promise<SimDisk>][] = [
  [
    'a clean stop',
    async ({ directory, disk }) => {
      await directory.close()
      return disk
    },
  ],
  ['the death of the process', async ({ disk }) => disk.kill()],
]

describe.each(stops)('after %s, recovery mends', (_, stop) => {
  const cases: [string, Damage, RegExp][] = [
    ['offset indexes that are missing', missing, /\.index$/],
    ['offset indexes that are empty', empty, /\.index$/],
    ['offset indexes that are short', short, /\.index$/],
    ['offset indexes with a flipped bit', flipped, /\.index$/],
    ['time indexes that are missing', missing, /\.timeindex$/],
    ['time indexes that are empty', empty, /\.timeindex$/],
    ['time indexes that are short', short, /\.timeindex$/],
    ['transaction indexes that are short', short, /\.txnindex$/],
    ['transaction indexes that are too long', longer, /\.txnindex$/],
    ['all indexes missing', missing, /index$/],
    ['snapshots that are missing', missing, /\.snapshot$/],
    ['snapshots that are empty', empty, /\.snapshot$/],
    ['snapshots with a flipped bit', flipped, /\.snapshot$/],
    ['a leader-epoch file that is missing', missing, /^leader-epoch/],
    ['a leader-epoch file that is empty', empty, /^leader-epoch/],
    ['a leader-epoch file that is cut', half, /^leader-epoch/],
    ['indexes and snapshots missing', missing, /index$|\.snapshot$/],
  ]

  test.each(cases)('%s', async (_name, damage, which) => {
    const filled = await fill()
    const expected = viewOf(filled.directory.partition('orders', 0)!)
    const disk = await stop(filled)
    const damaged = disk.list(partition).filter((file) => which.test(file))
    expect(damaged.length).toBeGreaterThan(0)
    for (const file of damaged) damage(disk, `${partition}/${file}`)
    for (let round = 0; round < 2; round++) {
      const directory = await openAt({ path, disk })
      expect(directory.offline('orders', 0)).toBeUndefined()
      expect(viewOf(directory.partition('orders', 0)!)).toEqual(expected)
      await directory.close()
    }
  })
})

describe('what cannot be mended is told, and nothing is cut away', () => {
  const cases: [string, (disk: SimDisk, logs: string[]) => void, RegExp][] = [
    ['the first segment is gone', (disk, logs) => disk.remove(logs[0]!), /a segment is gone: the first.*begins at/],
    ['a segment in the middle is gone', (disk, logs) => disk.remove(logs[2]!), /a segment is gone: offsets \d+ to \d+/],
    [
      'two segments in the middle are gone',
      (disk, logs) => logs.slice(2, 4).forEach((log) => void disk.remove(log)),
      /gone: offsets/,
    ],
    ['the segment before the last is gone', (disk, logs) => disk.remove(logs.at(-2)!), /a segment is gone: offsets/],
    ['every segment is gone', (disk, logs) => logs.forEach((log) => void disk.remove(log)), /it has no segment/],
    ['a sealed segment is cut inside a batch', (disk, logs) => short(disk, logs[1]!), /No batch begins|ends inside/],
    [
      'a synced segment at the end is gone',
      (disk, logs) => disk.remove(logs.at(-1)!),
      /ends at offset|No batch|cannot/,
    ],
  ]
  test.each(cases)('%s', async (_, damage, message) => {
    const filled = await fill()
    await filled.directory.close()
    const { disk } = filled
    const logs = disk.list(partition).filter((file) => file.endsWith('.log'))
    damage(
      disk,
      logs.map((file) => `${partition}/${file}`),
    )
    const left = disk.list(partition).filter((file) => file.endsWith('.log'))
    for (const clean of [true, false]) {
      if (!clean) disk.remove(`${path}/.kafka_cleanshutdown`)
      const directory = await openAt({ path, disk })
      expect(directory.partition('orders', 0)).toBeUndefined()
      expect(directory.offline('orders', 0)?.message).toMatch(message)
      await directory.close()
      expect(disk.list(partition).filter((file) => file.endsWith('.log'))).toEqual(left)
    }
  })

  test('a gap between segments of a compacted log is told and counted: Apache Kafka leaves some', async () => {
    const { disk, directory } = await fill()
    await directory.alterConfigs('orders', new Map([...configs, ['cleanup.policy', 'compact']]))
    const end = directory.partition('orders', 0)!.highWatermark
    await directory.close()
    const logs = disk.list(partition).filter((file) => file.endsWith('.log'))
    disk.remove(`${partition}/${logs[2]}`)
    const metrics = memoryMetrics()
    const again = await openLogDirectory(path, { ...ports(disk), metrics })
    expect(metrics.snapshot().get('millrace_log_offset_gaps_total')).toBe(1)
    const log = again.partition('orders', 0)!
    expect([log.logStart, log.highWatermark]).toEqual([0, end])
    const [behind] = batchesOf(log.read(offset(Number.parseInt(logs[2]!, 10)), 1, 'read_uncommitted').bytes)
    expect(Number(behind?.readBigInt64BE(0))).toBe(Number.parseInt(logs[3]!, 10))
    await again.close()
  })

  test('a partition whose directory was deleted begins anew, behind what it had', async () => {
    const filled = await fill()
    const end = filled.directory.partition('orders', 0)!.highWatermark
    await filled.directory.close()
    filled.disk.removeTree(partition)
    const directory = await openAt({ path, disk: filled.disk })
    const log = directory.partition('orders', 0)!
    expect([log.logStart, log.highWatermark]).toEqual([end, end])
    await directory.close()
  })
})

describe('start-up', () => {
  /** Bytes read to open a log of so many segments of this size. */
  async function bytesToOpen(segments: number, segmentBytes: number, stop: 'clean' | 'kill'): Promise<number> {
    const disk = new SimDisk()
    const directory = await openAt({ path, disk })
    const sized = new Map([['segment.bytes', String(segmentBytes)]])
    await directory.createTopic({ name: 'orders', partitions: 1, configs: sized })
    const log = directory.partition('orders', 0)!
    const half = 'x'.repeat(Math.floor(segmentBytes / 2) - 200)
    for (let i = 0; i < 2 * segments; i++) {
      log.append(batch([half], { producerId: 1, producerEpoch: 0, baseSequence: i }))
      if (i % 100 === 99) await log.synced(log.highWatermark)
    }
    await log.synced(log.highWatermark)
    // A roll settles in the background; then the recovery point stands behind it.
    for (let i = 0; i < 100 * segments && !settled(disk, log); i++) await Promise.resolve()
    if (stop === 'clean') await directory.close()
    const { disk: counted, bytesRead } = countingDisk(stop === 'clean' ? disk : disk.kill())
    const again = await openAt({ path, disk: counted })
    expect(again.partition('orders', 0)?.highWatermark).toBe(2 * segments)
    return bytesRead()
  }

  function settled(disk: SimDisk, log: PartitionLog): boolean {
    const points = disk.readWhole(`${path}/recovery-point-offset-checkpoint`)?.toString() ?? ''
    return points.includes(`orders 0 ${log.tail.activeBase}\n`)
  }

  test('after a clean stop reads as much whatever the size of the segments', async () => {
    const small = await bytesToOpen(1000, 2_000, 'clean')
    const large = await bytesToOpen(1000, 8_000, 'clean')
    expect(large).toBeLessThan(1.1 * small)
    expect(large / 1000).toBeLessThan(500)
  })

  test('after an unclean stop reads the active segment besides', async () => {
    const few = await bytesToOpen(1, 40_000, 'kill')
    const many = await bytesToOpen(100, 40_000, 'kill')
    expect(many - few).toBeLessThan(100 * 500)
  })
})

describe('producers', () => {
  test('are forgotten after a day without a write, but for an open transaction', async () => {
    const clock = new SimClock(startMs)
    const disk = new SimDisk()
    const open = () =>
      openLogDirectory(path, { ...ports(disk), clock, random: new SimRandom(1), metrics: memoryMetrics() })
    let directory = await open()
    await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map() })
    let log = directory.partition('orders', 0)!
    const ids = () => log.producers().map((each) => each.producerId)
    const old = { timestampMs: startMs - 1_000_000_000 }
    log.append(batch(['a'], { producerId: 1, producerEpoch: 0, baseSequence: 0, ...old }))
    log.append(data(2, 0), { transactionVersion: 1 })
    await clock.advance(80_000_000)
    log.append(batch(['a'], { producerId: 3, producerEpoch: 0, baseSequence: 0, ...old }))
    expect(ids()).toEqual([1, 2, 3])
    await clock.advance(7_000_000)
    expect(ids()).toEqual([2, 3])
    await directory.close()
    expect(clock.pendingTimers).toBe(0)

    directory = await open()
    log = directory.partition('orders', 0)!
    const again = batch(['a'], { producerId: 3, producerEpoch: 0, baseSequence: 0, ...old })
    expect(log.append(again).duplicate).toBe(true)
    await clock.advance(600_000)
    expect(ids()).toEqual([2]) // after a restart the time of the last batch counts
    end(log, 2, true)
    await clock.advance(90_000_000)
    expect(ids()).toEqual([])
    await directory.close()
  })

  test('options that are none are refused', async () => {
    const open = (options: object) => openLogDirectory(path, ports(new SimDisk()), options)
    await expect(open({ producerIdExpirationMs: 0 })).rejects.toMatchObject({ code: 'CONFIG' })
    await expect(open({ producerIdExpirationCheckIntervalMs: 1.5 })).rejects.toMatchObject({ code: 'CONFIG' })
  })
})
