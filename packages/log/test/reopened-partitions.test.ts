import { codeOf, MillraceError, offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { BatchCursor } from '@millrace/record/internal'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { FailedPartitions } from '../src/failed-partitions.ts'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '../src/internal.ts'
import { batch, batchesOf, startMs } from './fixture.ts'

const producer = { producerId: 1, producerEpoch: 0, transactional: true } as const
const marker = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, commit: true, transactionVersion: 1 } as const

interface Bench {
  readonly disk: SimDisk
  readonly clock: SimClock
  readonly directory: LogDirectory
  /** The log as it is now: another one after it was opened anew. */
  log(): PartitionLog
}

async function openOn(disk: SimDisk): Promise<Bench> {
  const clock = new SimClock(startMs)
  const ports = { disk, clock, random: new SimRandom(1), log: silentLog, metrics: memoryMetrics() }
  const directory = await openLogDirectory('/data', ports)
  return { disk, clock, directory, log: () => directory.partition('orders', 0)! }
}

async function started(configs: Readonly<Record<string, string>> = {}): Promise<Bench> {
  const bench = await openOn(new SimDisk())
  await bench.directory.createTopic({ name: 'orders', partitions: 1, configs: new Map(Object.entries(configs)) })
  return bench
}

function valuesOf(log: PartitionLog): string[] {
  const values: string[] = []
  let next = Number(log.logStart)
  while (next < log.highWatermark) {
    for (const each of batchesOf(log.read(offset(next), 1 << 20, 'read_uncommitted').bytes)) {
      const cursor = new BatchCursor().open(each)
      while (cursor.next()) {
        values.push(cursor.bytes.toString('utf8', cursor.valueFrom, cursor.valueTo))
        next = cursor.offset + 1
      }
      next = Math.max(next, Number(each.readBigInt64BE(0)) + each.readInt32BE(23) + 1)
    }
  }
  return values
}

function mend(disk: SimDisk): void {
  disk.faults.failSync = undefined
  disk.faults.failWrite = undefined
  disk.faults.readOnly = false
}

/** Time goes on until the partition takes appends, or is out of the way. */
async function untilOpen({ clock, directory, log }: Bench): Promise<void> {
  for (let i = 0; i < 50; i++) {
    if (directory.offline('orders', 0) !== undefined || log().failure === undefined) return
    await clock.advance(1000)
  }
  throw new Error('the partition stays as it is')
}

test('after a failed sync: what it had not made durable is written once more, and is durable then', async () => {
  const bench = await started()
  const { disk } = bench
  const failed = bench.log()
  failed.append(batch(['one']))
  await failed.synced(offset(1))
  const two = 'two'.repeat(1000) // sectors of its own
  failed.append(batch([two]))
  disk.faults.failSync = (path) => path.endsWith('.log')
  await expect(failed.synced(offset(2))).rejects.toThrow(/EIO/)
  let gone = false
  failed.onTail((tail) => {
    gone = tail === undefined
  })
  await bench.clock.advance(30_000)
  expect(bench.log()).toBe(failed)
  expect([failed.leaderEpoch, gone]).toEqual([0, false])
  mend(disk)
  await untilOpen(bench)
  const log = bench.log()
  expect(gone).toBe(true)
  expect(valuesOf(log)).toEqual(['one', two])
  expect([log.syncedTo, log.leaderEpoch]).toEqual([2, 1])
  expect(log.append(batch(['three']))).toMatchObject({ baseOffset: 2 })
  await log.synced(offset(3))
  for (let seed = 0; seed < 20; seed++) {
    const again = await openOn(disk.crash(seed))
    expect(valuesOf(again.log())).toEqual(['one', two, 'three'])
    expect(again.log().leaderEpoch).toBe(2)
  }
  await bench.directory.close()
  expect(disk.exists('/data/.kafka_cleanshutdown')).toBe(true)
  expect(bench.clock.pendingTimers).toBe(0)
  const clean = await openOn(disk.kill())
  expect(clean.log().leaderEpoch).toBe(1)
})

test('after a failed write: an open transaction is still open, and ends', async () => {
  for (const fault of ['write', 'readOnly'] as const) {
    const bench = await started()
    const { disk } = bench
    bench.log().append(batch(['one'], { ...producer, baseSequence: 0 }), { transactionVersion: 1 })
    await bench.log().synced(offset(1))
    if (fault === 'readOnly') disk.faults.readOnly = true
    else disk.faults.failWrite = (path) => path.endsWith('.log')
    expect(() => bench.log().appendMarker(marker)).toThrow(/KAFKA_STORAGE_ERROR/)
    await bench.clock.advance(20_000)
    expect(bench.log().failure).toBeDefined()
    mend(disk)
    await untilOpen(bench)
    expect(bench.log().openTransaction(1)).toMatchObject({ firstOffset: 0 })
    expect(bench.log().lastStable).toBe(0)
    const again = batch(['one'], { ...producer, baseSequence: 0 })
    expect(bench.log().append(again, { transactionVersion: 1 }).duplicate).toBe(true)
    bench.log().appendMarker(marker)
    expect([bench.log().lastStable, bench.log().highWatermark]).toEqual([2, 2])
    await bench.log().synced(offset(2))
    const crashed = await openOn(disk.crash(1))
    expect(crashed.log().lastStable).toBe(2)
  }
})

test('what the kernel has dropped meanwhile is cut off; what it has dropped of the promised closes the partition', async () => {
  for (const from of ['cut', 'unsynced', 'synced'] as const) {
    const bench = await started()
    const { disk } = bench
    bench.log().append(batch(['one']))
    await bench.log().synced(offset(1))
    const size = disk.readWhole('/data/orders-0/00000000000000000000.log')?.length ?? 0
    bench.log().append(batch(['two']))
    disk.faults.failSync = () => true
    await expect(bench.log().synced(offset(2))).rejects.toThrow(/EIO/)
    const file = disk.open('/data/orders-0/00000000000000000000.log', 'write')
    if (from === 'cut') file.truncate(size)
    else file.write(Buffer.alloc(40), 0, 40, from === 'unsynced' ? size + 5 : 20)
    mend(disk)
    await untilOpen(bench)
    if (from !== 'synced') {
      expect(valuesOf(bench.log())).toEqual(['one'])
      expect(bench.log().append(batch(['three'])).baseOffset).toBe(1)
    } else {
      expect(codeOf(bench.directory.offline('orders', 0))).toBe('KAFKA_STORAGE_ERROR')
      expect(bench.directory.partition('orders', 0)).toBeUndefined()
    }
    await bench.directory.close()
  }
})

test('a topic that is deleted while its disk fails stays deleted', async () => {
  const bench = await started()
  bench.log().append(batch(['one']))
  bench.disk.faults.failSync = (path) => path.endsWith('.log')
  await expect(bench.log().synced(offset(1))).rejects.toThrow(/EIO/)
  await bench.directory.deleteTopic('orders')
  mend(bench.disk)
  await bench.clock.advance(60_000)
  expect(bench.directory.partition('orders', 0)).toBeUndefined()
  await bench.directory.close()
})

test('what producers had done is written anew, where its file could not be written or synced', async () => {
  for (const fault of ['failWrite', 'failSync'] as const) {
    const bench = await started({ 'segment.bytes': '400' })
    const { disk } = bench
    const failed = bench.log()
    disk.faults[fault] = (path) => path.endsWith('.snapshot')
    let written = 0
    const numbered = (i: number) => batch([`value ${i}`], { producerId: 1, producerEpoch: 0, baseSequence: i })
    for (let i = 0; i < 50 && failed.failure === undefined; i++) {
      try {
        failed.append(numbered(written))
        written++
      } catch (error) {
        expect(codeOf(error)).toBe('KAFKA_STORAGE_ERROR')
      }
      await bench.clock.advance(10)
    }
    expect(failed.failure).toBeDefined()
    mend(disk)
    await untilOpen(bench)
    const log = bench.log()
    while (log.tail.activeBase === 0 || log.tail.activeBase > log.highWatermark - 2) log.append(numbered(written++))
    await log.synced(log.highWatermark)
    await bench.clock.advance(10)
    // Once its segment is deleted, only the snapshot knows of a batch that stood there.
    await log.deleteRecords(log.highWatermark)
    expect(disk.list('/data/orders-0').filter((name) => name.endsWith('.log'))).toHaveLength(1)
    const last = log.tail.activeBase - 1
    for (let seed = 0; seed < 20; seed++) {
      const crashed = await openOn(disk.crash(seed))
      expect(crashed.log().append(numbered(last)).duplicate).toBe(true)
    }
    await bench.directory.close()
  }
})

test('a deleted segment that a full disk has kept still says which transaction is open', async () => {
  const bench = await started({ 'segment.bytes': '400' })
  const { disk, clock } = bench
  const failed = bench.log()
  failed.append(batch(['one'], { ...producer, baseSequence: 0 }), { transactionVersion: 1 })
  disk.faults.failWrite = (path) => {
    if (path.includes('leader-epoch')) throw new MillraceError('DISK_FULL', 'there is no room', { place: path })
    return false
  }
  while (failed.tail.activeBase === 0) failed.append(batch(['value']))
  const end = failed.highWatermark
  await failed.synced(end)
  await failed.deleteRecords(end)
  failed.append(batch(['last']))
  disk.faults.failSync = (path) => path.endsWith('.log')
  await expect(failed.synced(failed.highWatermark)).rejects.toThrow(/EIO/)
  mend(disk)
  await untilOpen(bench)
  expect(bench.log()).not.toBe(failed)
  expect(bench.log().openTransaction(1)).toMatchObject({ firstOffset: 0 })
  expect([bench.log().logStart, bench.log().lastStable]).toEqual([end, end])
  bench.log().appendMarker(marker)
  expect(bench.log().lastStable).toBe(bench.log().highWatermark)
  await bench.directory.close()
  expect(clock.pendingTimers).toBe(0)
})

test('who looks again while the partition is being opened is told when it is there', async () => {
  const bench = await started()
  const failed = bench.log()
  failed.append(batch(['one']))
  bench.disk.faults.failSync = (path) => path.endsWith('.log')
  await expect(failed.synced(offset(1))).rejects.toThrow(/EIO/)
  const found: PartitionLog[] = []
  const look = (): void => {
    found.push(bench.log())
    if (bench.log() === failed) failed.whenPast(failed.highWatermark, look)
  }
  look()
  mend(bench.disk)
  await untilOpen(bench)
  await bench.clock.advance(0)
  expect(found).toEqual([failed, failed, bench.log()])
  await bench.directory.close()
})

test('one that fails while others are being opened is looked at later', async () => {
  const clock = new SimClock(startMs)
  let looks = 0
  const failed: FailedPartitions = new FailedPartitions(clock, 1000, async () => {
    looks++
    if (looks === 1) failed.watch() // one that this look has passed already
    return true
  })
  failed.watch()
  await clock.advance(10_000)
  expect([looks, clock.pendingTimers]).toEqual([2, 0])
})

test('closed while partitions are being opened: none is opened beside the close', async () => {
  const disk = new SimDisk()
  const clock = new SimClock(startMs)
  let closing: Promise<void> | undefined
  const warn = (message: string) => {
    if (message.includes('takes appends again')) closing ??= directory.close()
  }
  const log = { ...silentLog, warn, child: () => log }
  const metrics = memoryMetrics()
  const directory: LogDirectory = await openLogDirectory('/data', {
    disk,
    clock,
    random: new SimRandom(1),
    log,
    metrics,
  })
  await directory.createTopic({ name: 'orders', partitions: 2, configs: new Map() })
  disk.faults.failSync = (path) => path.endsWith('.log')
  for (const partition of [0, 1]) {
    directory.partition('orders', partition)?.append(batch(['one']))
    await expect(directory.partition('orders', partition)?.synced(offset(1))).rejects.toThrow(/EIO/)
  }
  mend(disk)
  while (closing === undefined) await clock.advance(1000)
  await closing
  await clock.advance(60_000)
  expect(metrics.snapshot().get('millrace_log_partitions_reopened_total')).toBe(1)
  expect(clock.pendingTimers).toBe(0)
})

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant('append' as const) },
  { weight: 2, arbitrary: fc.constant('sync' as const) },
  fc.constantFrom('failing syncs', 'failing writes', 'failing index writes', 'read-only', 'mended', 'time'),
)

test('whatever fails and is mended: what was synced stays, nothing comes twice, and a power cut changes nothing of it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(), async (steps, seed) => {
      const bench = await started({ 'segment.bytes': '400' })
      const { disk, clock } = bench
      let appended: string[] = []
      let promised = 0
      for (const [i, what] of steps.entries()) {
        const log = bench.log()
        if (what === 'append') {
          try {
            log.append(batch([`value ${i}`]))
            appended.push(`value ${i}`)
          } catch (error) {
            expect(codeOf(error)).toBe('KAFKA_STORAGE_ERROR')
          }
        } else if (what === 'sync') {
          const upTo = log.highWatermark
          const done = await log.synced(upTo).then(
            () => true,
            () => false,
          )
          if (done) promised = Math.max(promised, upTo)
        } else if (what === 'failing syncs') disk.faults.failSync = (path) => path.startsWith('/data/orders-0')
        else if (what === 'failing writes') disk.faults.failWrite = (path) => path.endsWith('.log')
        else if (what === 'failing index writes') disk.faults.failWrite = (path) => !path.endsWith('.log')
        else if (what === 'read-only') disk.faults.readOnly = true
        else if (what === 'mended') mend(disk)
        else await clock.advance(10_000)
        if (bench.log() !== log) appended = checkedAgain(bench.log(), appended, promised)
      }
      mend(disk)
      await untilOpen(bench)
      appended = checkedAgain(bench.log(), appended, promised)
      bench.log().append(batch(['last']))
      await bench.log().synced(bench.log().highWatermark)
      const crashed = await openOn(disk.crash(seed))
      expect(valuesOf(crashed.log())).toEqual([...appended, 'last'])
    }),
  )
})

/** A prefix of what was appended, with all that was promised. */
function checkedAgain(log: PartitionLog, appended: readonly string[], promised: number): string[] {
  const kept = valuesOf(log)
  expect(kept).toEqual(appended.slice(0, kept.length))
  expect(kept.length).toBeGreaterThanOrEqual(promised)
  return kept
}
