import { Buffer } from 'node:buffer'
import { offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { openLogDirectory, type PartitionLog } from '@millrace/log/internal'
import { BatchBuilder, BatchCursor, bytesOut, openBatches } from '@millrace/record/internal'
import { expect, test } from 'vitest'
import { turn } from './held-syncs.ts'
import { intact, type Weakening } from './weakened.ts'
import { checkpointAhead } from './weakened-cleaning.ts'

const startMs = 1_700_000_000_000
const backoffMs = 15_000
const configs = new Map([
  ['cleanup.policy', 'compact'],
  ['segment.bytes', '400'],
  ['min.cleanable.dirty.ratio', '0.01'],
  ['delete.retention.ms', '1000'],
])

/**
 * A key is set and cleaned, then deleted; the process is killed before the deletion is cleaned, and goes on until the tombstone
 * itself is cleaned away. With which value, if any, is the key left?
 */
async function valueLeft(weakening: Weakening): Promise<string | undefined> {
  const clock = new SimClock(startMs)
  const pass = async (ms: number) => {
    await clock.advance(ms)
    for (let i = 0; i < 20; i++) await turn()
  }
  const open = (on: SimDisk) => {
    const ports = { clock, random: new SimRandom(1), log: silentLog, metrics: memoryMetrics() }
    return openLogDirectory('/data', { ...ports, disk: weakening.disk(on) }, weakening.options)
  }
  const disk = new SimDisk({ nowMs: () => clock.nowMs() })
  const before = await open(disk)
  await before.createTopic({ name: 't', partitions: 1, configs })
  let log = before.partition('t', 0)!
  append(log, clock, { deleted: 'once', b: 'x' })
  append(log, clock, { c: 'x', d: 'x' })
  await pass(backoffMs)
  append(log, clock, { deleted: null, e: 'x' })
  for (const [one, other] of ['fg', 'hi', 'jk', 'lm']) append(log, clock, { [one!]: 'x', [other!]: 'x' })
  const after = await open(disk.kill())
  log = after.partition('t', 0)!
  for (const [one, other] of ['no', 'pq', 'rs']) {
    await pass(backoffMs)
    append(log, clock, { [one!]: 'x', [other!]: 'x' })
  }
  await pass(backoffMs)
  return lastOf(log, 'deleted')
}

/** A segment's worth of records in one batch. */
function append(log: PartitionLog, clock: SimClock, records: Readonly<Record<string, string | null>>): void {
  const builder = new BatchBuilder()
  for (const [key, value] of Object.entries(records)) {
    const bytes = Buffer.from((value ?? '').padEnd(150, '.'))
    builder.append(clock.nowMs(), Buffer.from(key), bytesOut, value === null ? null : bytes, bytesOut, null)
  }
  log.append(builder.build())
}

function lastOf(log: PartitionLog, wanted: string): string | undefined {
  let last: string | undefined
  const { bytes } = log.read(offset(log.logStart), 1_000_000, 'read_uncommitted')
  const cursor = new BatchCursor()
  for (const batch of openBatches(bytes, { source: 't-0', position: 0 })) {
    cursor.open(batch)
    while (cursor.next()) {
      if (cursor.bytes.utf8Slice(cursor.keyFrom, cursor.keyTo) !== wanted) continue
      const value = cursor.valueFrom < 0 ? undefined : cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo)
      last = value?.replaceAll('.', '')
    }
  }
  return last
}

test('a key that was deleted before a crash stays deleted when its tombstone has been cleaned away', async () => {
  expect(await valueLeft(intact)).toBeUndefined()
})

test(`and comes back with ${checkpointAhead.name}: the history would show it`, async () => {
  expect(await valueLeft(checkpointAhead)).toBe('once')
})
