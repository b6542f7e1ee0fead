import { offset } from '@millrace/kernel'
import { SimDisk } from '@millrace/kernel/sim'
import { expect, test } from 'vitest'
import { batch, openAt } from './fixture.ts'

const path = '/srv/streams/data'
const seeds = Array.from({ length: 100 }, (_, i) => i)

/** A new log on this disk takes one record at acks=all; then the power is lost. */
async function keptAfterPowerCut(disk: SimDisk, seed: number): Promise<number | undefined> {
  const directory = await openAt({ path, disk })
  await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map() })
  const log = directory.partition('orders', 0)
  log?.append(batch(['one']))
  await log?.synced(offset(1))
  const after = await openAt({ path, disk: disk.crash(seed) })
  return after.partition('orders', 0)?.highWatermark
}

test.each([
  ['a directory that is not there yet', (_: SimDisk) => undefined],
  ['one that an earlier process made before it died', (disk: SimDisk) => disk.makeDirectory(path)],
  ['one whose parent an earlier process made before it died', (disk: SimDisk) => disk.makeDirectory('/srv/streams')],
])('what was acknowledged in %s survives the loss of power', async (_, before) => {
  const lost: number[] = []
  for (const seed of seeds) {
    const disk = new SimDisk()
    disk.makeDirectory('/srv')
    await disk.syncDirectory('/')
    before(disk)
    if ((await keptAfterPowerCut(disk.kill(), seed)) !== 1) lost.push(seed)
  }
  expect(lost).toEqual([])
})
