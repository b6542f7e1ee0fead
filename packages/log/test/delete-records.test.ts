import { offset } from '@millrace/kernel'
import { SimDisk } from '@millrace/kernel/sim'
import { baseOffset } from '@millrace/record/internal'
import { afterEach, describe, expect, test } from 'vitest'
import type { LogDirectory, PartitionLog } from '../src/internal.ts'
import { batch, batchesOf, disks, type Fixture, openAt, startMs } from './fixture.ts'

const small = { 'segment.bytes': '500', 'index.interval.bytes': '0' }

describe.each(disks)('deleting records on the %s', (_, makeFixture) => {
  let fixture: Fixture
  let directory: LogDirectory

  async function openTopic(configs: Record<string, string> = small): Promise<PartitionLog> {
    fixture = makeFixture()
    directory = await openAt(fixture)
    await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map(Object.entries(configs)) })
    return directory.partition('orders', 0)!
  }

  const logs = () => fixture.disk.list(`${fixture.path}/orders-0`).filter((name) => name.endsWith('.log')).length
  const fill = (log: PartitionLog, count: number) => {
    for (let i = 0; i < count; i++) log.append(batch([`v${i}`], { timestampMs: startMs + i }))
  }

  afterEach(async () => {
    await directory?.close()
    fixture?.remove()
  })

  test('moves the log start, deletes segments below it, and holds over a restart', async () => {
    let log = await openTopic()
    fill(log, 50)
    const before = logs()
    const tails: (number | undefined)[] = []
    log.onTail((tail) => tails.push(tail?.logStart))
    expect(await log.deleteRecords(offset(33))).toBe(33)
    expect(tails.at(-1)).toBe(33)
    expect(logs()).toBeLessThan(before / 2)
    for (let round = 0; round < 2; round++) {
      expect(log.logStart).toBe(33)
      expect(() => log.read(offset(32), 100, 'read_uncommitted')).toThrow(/Offset 32 is not in \[33, 50\]/)
      expect(baseOffset(batchesOf(log.read(offset(33), 1, 'read_uncommitted').bytes)[0]!)).toBe(33)
      expect(log.offsetForTimestamp(0)).toMatchObject({ offset: 33 })
      expect(log.maxTimestamp()).toMatchObject({ offset: 49 })
      expect(log.endOffsetForEpoch(0)).toEqual({ epoch: 0, endOffset: 50 })
      await directory.close()
      directory = await openAt(fixture)
      log = directory.partition('orders', 0)!
    }
    expect(log.append(batch(['more']))).toMatchObject({ baseOffset: 50, logStart: 33 })
  })

  test('takes everything, goes on behind it, and never goes back', async () => {
    let log = await openTopic()
    fill(log, 7)
    expect(await log.deleteRecords(offset(7))).toBe(7)
    expect(await log.deleteRecords(offset(3))).toBe(7)
    expect(log.read(offset(7), 100, 'read_uncommitted').bytes.length).toBe(0)
    expect(log.offsetForTimestamp(0)).toBeUndefined()
    expect(log.maxTimestamp()).toBeUndefined()
    await directory.close()
    directory = await openAt(fixture)
    log = directory.partition('orders', 0)!
    expect([log.logStart, log.highWatermark]).toEqual([7, 7])
    expect(log.append(batch(['more']))).toMatchObject({ baseOffset: 7 })
  })

  test('refuses what lies past the end, and a topic that is only compacted', async () => {
    const log = await openTopic()
    fill(log, 3)
    await expect(log.deleteRecords(offset(4))).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' })
    await directory.alterConfigs('orders', new Map([['cleanup.policy', 'compact']]))
    await expect(log.deleteRecords(offset(1))).rejects.toMatchObject({ code: 'POLICY_VIOLATION' })
    expect(log.logStart).toBe(0)
  })

  test('a topic made anew under an old name begins at 0', async () => {
    let log = await openTopic()
    fill(log, 30)
    await log.deleteRecords(offset(20))
    await directory.deleteTopic('orders')
    await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map() })
    log = directory.partition('orders', 0)!
    log.append(batch(['first']))
    await log.synced(offset(1))
    if (!(fixture.disk instanceof SimDisk)) return // the kill of a real process is in test/crash
    fixture = { ...fixture, disk: fixture.disk.crash(1) }
    directory = await openAt(fixture)
    log = directory.partition('orders', 0)!
    expect([log.logStart, log.highWatermark]).toEqual([0, 1])
  })
})

test('a partition that is offline keeps its checkpoints: damage never passes for a torn tail', async () => {
  const fixture = disks[1]![1]()
  let directory = await openAt(fixture)
  await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map() })
  const log = directory.partition('orders', 0)!
  for (let i = 0; i < 30; i++) log.append(batch([`v${i}`]))
  await log.deleteRecords(offset(3))
  await directory.close()
  const path = `${fixture.path}/orders-0/00000000000000000000.log`
  const file = fixture.disk.open(path, 'write')
  file.write(Buffer.from('!'), 0, 1, 66)
  file.close()
  for (let round = 0; round < 3; round++) {
    directory = await openAt(fixture)
    expect(directory.offline('orders', 0)?.message).toMatch(/stored 0x[0-9a-f]{8}, computed/)
    await directory.close()
  }
  expect(fixture.disk.readWhole(`${fixture.path}/log-start-offset-checkpoint`)?.toString()).toContain('orders 0 3')
})
