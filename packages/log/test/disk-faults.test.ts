import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { codeOf, MillraceError, offset, silentLog } from '@millrace/kernel'
import { nodeDisk } from '@millrace/kernel/node'
import { SimClock, SimDisk } from '@millrace/kernel/sim'
import { describe, expect, test } from 'vitest'
import { openLogDirectory, type PartitionLog } from '../src/internal.ts'
import { batch, batchesOf, openAt, ports, startMs } from './fixture.ts'

async function openTopic() {
  const disk = new SimDisk()
  const directory = await openAt({ path: '/data', disk })
  await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map() })
  return { disk, directory, log: directory.partition('orders', 0)! }
}

function caught(action: () => unknown): { code: string | undefined; message: string } {
  try {
    action()
  } catch (error) {
    return { code: codeOf(error), message: String(error) }
  }
  return { code: undefined, message: '' }
}

const marker = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 0, commit: true, transactionVersion: 1 } as const

function countOf(log: PartitionLog): number {
  return batchesOf(log.read(offset(0), 1 << 20, 'read_uncommitted').bytes).length
}

describe('a disk that fails', () => {
  test('full: the append is refused and leaves nothing; when there is room again the log goes on', async () => {
    const { disk, directory, log } = await openTopic()
    log.append(batch(['before']))
    disk.faults.capacityBytes = disk.usedBytes() + 100
    const full = caught(() => log.append(batch(['x'.repeat(500)])))
    expect(full.code).toBe('KAFKA_STORAGE_ERROR')
    expect(full.message).toMatch(/no space is left.*Free some space/)
    expect(log.failure).toBeUndefined()
    expect(log.highWatermark).toBe(1)
    expect(countOf(log)).toBe(1)
    disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    expect(log.append(batch(['after']))).toMatchObject({ baseOffset: 1 })
    await log.synced(offset(2))
    await directory.close()
    const again = await openAt({ path: '/data', disk: disk.crash(1) })
    expect(countOf(again.partition('orders', 0)!)).toBe(2)
  })

  test('full: it is logged once, and once more when there is room', async () => {
    const disk = new SimDisk()
    const lines: string[] = []
    const note = (message: string, fields?: object) => void lines.push(`${message} ${JSON.stringify(fields)}`)
    const log = { ...silentLog, warn: note, error: note, child: () => log }
    const directory = await openLogDirectory('/data', { ...ports(disk), log })
    await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map() })
    const orders = directory.partition('orders', 0)!
    disk.faults.capacityBytes = disk.usedBytes() + 100
    for (let i = 0; i < 3; i++) caught(() => orders.append(batch(['x'.repeat(500)])))
    disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    for (let i = 0; i < 3; i++) orders.append(batch(['x'.repeat(500)]))
    expect(lines).toEqual([
      expect.stringMatching(/^no append until there is room .*orders-0.*no space is left\. Free some space/),
      expect.stringMatching(/^there is room again .*orders-0/),
    ])
    await directory.close()
  })

  test('full while segments are rolled and records deleted: nothing fails, and all is made up for with room', async () => {
    const disk = new SimDisk()
    const clock = new SimClock(startMs)
    const directory = await openLogDirectory('/data', { ...ports(disk), clock })
    const configs = new Map([['segment.bytes', '300']])
    await directory.createTopic({ name: 'orders', partitions: 1, configs })
    const log = directory.partition('orders', 0)!
    const point = () => disk.readWhole('/data/recovery-point-offset-checkpoint')?.toString()
    for (let i = 0; i < 3; i++) log.append(batch(['x'.repeat(100)]))
    // Every small file that is written whole finds the disk full, what is appended just fits.
    const isTemporary = (path: string) => path.endsWith('.tmp')
    disk.faults.failWrite = (path) => {
      if (isTemporary(path)) throw new MillraceError('DISK_FULL', 'no space is left', { place: path })
      return false
    }
    for (let i = 0; i < 3; i++) log.append(batch(['x'.repeat(100)]))
    await log.synced(log.highWatermark)
    await expect(log.deleteRecords(offset(4))).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR' })
    for (let i = 0; i < 3; i++) await clock.advance(1000)
    const before = point()
    expect(log.failure).toBeUndefined()
    expect(log.append(batch(['y']))).toMatchObject({ baseOffset: 6 })
    disk.faults.failWrite = undefined
    await clock.advance(1000)
    await log.deleteRecords(offset(4))
    expect(point()).not.toBe(before)
    expect(point()).toContain(`orders 0 ${log.tail.activeBase}\n`)
    await directory.close()
    expect(disk.exists('/data/.kafka_cleanshutdown')).toBe(true)
    expect(clock.pendingTimers).toBe(0)
  })

  test('one partition has failed: it says which file and why, the others go on', async () => {
    const { disk, directory, log } = await openTopic()
    await directory.createTopic({ name: 'others', partitions: 2, configs: new Map() })
    const others = [0, 1].map((partition) => directory.partition('others', partition)!)
    log.append(batch(['one']))
    disk.faults.failSync = (path) => path.startsWith('/data/orders-0/')
    await expect(log.synced(offset(1))).rejects.toThrow(/KAFKA_STORAGE_ERROR/)
    expect(log.failure?.message).toMatch(/orders-0.*0{20}\.log.*EIO/)
    for (const other of others) {
      other.append(batch(['two']))
      await other.synced(offset(1))
      expect(other.syncedTo).toBe(1)
    }
    expect(() => log.appendMarker(marker)).toThrow(/EIO/)
    expect(countOf(log)).toBe(1)
    await directory.close()
    const again = await openAt({ path: '/data', disk: disk.crash(1) })
    for (const partition of [0, 1]) expect(countOf(again.partition('others', partition)!)).toBe(1)
    expect(again.partition('orders', 0)?.append(batch(['three'])).duplicate).toBe(false)
  })

  test('full: a marker is refused, its transaction stays open, and it ends when there is room', async () => {
    const { disk, directory, log } = await openTopic()
    const identity = { producerId: 1, producerEpoch: 0, baseSequence: 0, transactional: true }
    log.append(batch(['one'], identity), { transactionVersion: 1 })
    disk.faults.capacityBytes = disk.usedBytes() + 10
    expect(caught(() => log.appendMarker(marker)).code).toBe('KAFKA_STORAGE_ERROR')
    expect([log.lastStable, log.highWatermark]).toEqual([0, 1])
    disk.faults.capacityBytes = Number.POSITIVE_INFINITY
    log.appendMarker(marker)
    expect([log.lastStable, log.highWatermark]).toEqual([2, 2])
    await directory.close()
    const again = await openAt({ path: '/data', disk: disk.kill() })
    expect(again.partition('orders', 0)?.lastStable).toBe(2)
  })

  test('read-only, or an error of the device: appends stop with the reason, reads go on', async () => {
    for (const fault of ['readOnly', 'failWrite'] as const) {
      const { disk, directory, log } = await openTopic()
      log.append(batch(['before']))
      if (fault === 'readOnly') disk.faults.readOnly = true
      else disk.faults.failWrite = (path) => path.endsWith('.log')
      const refused = caught(() => log.append(batch(['x'])))
      expect(refused.code).toBe('KAFKA_STORAGE_ERROR')
      expect(refused.message).toMatch(fault === 'readOnly' ? /read-only/ : /EIO/)
      disk.faults.readOnly = false
      disk.faults.failWrite = undefined
      expect(log.failure?.message).toMatch(/KAFKA_STORAGE_ERROR/)
      expect(caught(() => log.append(batch(['x']))).code).toBe('KAFKA_STORAGE_ERROR')
      expect(countOf(log)).toBe(1)
      await directory.close()
      expect(disk.exists('/data/.kafka_cleanshutdown')).toBe(false)
    }
  })

  test('a sync that fails is never tried again: who waits is told, and the pages it lost are not believed', async () => {
    const { disk, log } = await openTopic()
    log.append(batch(['one']))
    disk.faults.failSync = (path) => path.endsWith('.log')
    await expect(log.synced(offset(1))).rejects.toThrow(/EIO/)
    disk.faults.failSync = undefined
    await expect(log.synced(offset(1))).rejects.toThrow(/EIO/)
    expect(log.syncedTo).toBe(0)
    expect(caught(() => log.append(batch(['two']))).code).toBe('KAFKA_STORAGE_ERROR')
    const again = await openAt({ path: '/data', disk: disk.crash(3) })
    expect(again.partition('orders', 0)?.highWatermark).toBe(0)
  })

  test('opening on a full or read-only disk says so', async () => {
    const readOnly = new SimDisk()
    readOnly.faults.readOnly = true
    await expect(openAt({ path: '/data', disk: readOnly })).rejects.toMatchObject({ code: 'DISK_READ_ONLY' })
    const full = new SimDisk()
    full.faults.capacityBytes = 10
    await expect(openAt({ path: '/data', disk: full })).rejects.toMatchObject({ code: 'DISK_FULL' })
  })
})

describe('a real small mount', () => {
  const mount = mountedTmpfs()
  test.skipIf(mount === undefined)('full, then with room, then read-only', async () => {
    const path = mount ?? ''
    try {
      const directory = await openAt({ path: join(path, 'data'), disk: nodeDisk() })
      await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map([['segment.bytes', '300000']]) })
      const log = directory.partition('orders', 0)!
      let refused: ReturnType<typeof caught> | undefined
      while (refused?.code === undefined) refused = caught(() => log.append(batch(['x'.repeat(30_000)])))
      expect(refused.message).toMatch(/KAFKA_STORAGE_ERROR/)
      expect(refused.message).toMatch(/no space is left/)
      const kept = log.highWatermark
      await log.synced(kept)
      execFileSync('mount', ['-o', 'remount,size=4m', path])
      expect(log.append(batch(['y'.repeat(30_000)]))).toMatchObject({ baseOffset: kept })
      await directory.close()
      execFileSync('mount', ['-o', 'remount,ro', path])
      await expect(openAt({ path: join(path, 'data'), disk: nodeDisk() })).rejects.toMatchObject({
        code: 'DISK_READ_ONLY',
      })
      execFileSync('mount', ['-o', 'remount,rw', path])
      const again = await openAt({ path: join(path, 'data'), disk: nodeDisk() })
      expect(again.partition('orders', 0)?.highWatermark).toBe(kept + 1)
      await again.close()
    } finally {
      execFileSync('umount', [path])
      rmSync(path, { recursive: true, force: true })
    }
  })
})

/** One MiB of memory as a file system; undefined where this user cannot make one. */
function mountedTmpfs(): string | undefined {
  const path = mkdtempSync(join(tmpdir(), 'millrace-small-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', path], { stdio: 'ignore' })
    return path
  } catch {
    rmSync(path, { recursive: true, force: true })
    console.warn('SKIPPED: a real small mount cannot be made here (it takes root); the simulated disk stands in for it')
    return undefined
  }
}

test('a full disk refuses a roll: the log goes on with a smaller batch, and opens again', async () => {
  const disk = new SimDisk()
  const directory = await openAt({ path: '/data', disk })
  const configs = new Map([['segment.bytes', '400']])
  await directory.createTopic({ name: 'orders', partitions: 1, configs })
  const log = directory.partition('orders', 0)!
  log.append(batch(['one']))
  log.append(batch(['two']))
  for (const suffix of ['.timeindex', '.snapshot']) {
    disk.faults.failWrite = (path) => {
      if (path.endsWith(suffix)) throw new MillraceError('DISK_FULL', 'there is no room', { place: path })
      return false
    }
    expect(() => log.append(batch(['large'.repeat(50)]))).toThrow(/KAFKA_STORAGE_ERROR/)
  }
  disk.faults.failWrite = undefined
  log.append(batch(['three']))
  log.append(batch(['large'.repeat(50)]))
  expect(log.tail.activeBase).toBe(3)
  await log.synced(offset(4))
  const crashed = await openAt({ path: '/data', disk: disk.crash(1) })
  expect(crashed.offline('orders', 0)).toBeUndefined()
  expect(crashed.partition('orders', 0)?.highWatermark).toBe(4)
  await directory.close()
  const again = await openAt({ path: '/data', disk: disk.kill() })
  expect(again.offline('orders', 0)).toBeUndefined()
  expect(again.partition('orders', 0)?.highWatermark).toBe(4)
})
