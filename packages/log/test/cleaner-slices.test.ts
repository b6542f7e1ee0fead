import { silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock, SimDisk, SimRandom } from '@millrace/kernel/sim'
import { BatchBuilder, bytesOut, type ValidBatch } from '@millrace/record/internal'
import { expect, test } from 'vitest'
import { recordsAtOnce } from '../src/cleaner/partition-clean.ts'
import { sliceBytesMax } from '../src/cleaner/time-slices.ts'
import { openLogDirectory } from '../src/internal.ts'
import { countingDisk } from './counting-disk.ts'
import { startMs } from './fixture.ts'

const backoffMs = 15_000
const ioBufferBytes = 65_536

/** A clean of these batches; `stepMs` go by at each look at the clock. Bytes that were read between two turns of the loop. */
async function readsBetweenTurns(batches: readonly ValidBatch[], stepMs: number): Promise<number[]> {
  const clock = new SimClock(startMs)
  const { disk, bytesRead } = countingDisk(new SimDisk())
  const reads: number[] = []
  let before = 0
  let isCleaning = false
  let aheadMs = 0
  const watched = new Proxy(clock, {
    get(target, name) {
      if (name === 'monotonicMs' && isCleaning) {
        return () => {
          aheadMs += stepMs
          return target.monotonicMs() + aheadMs
        }
      }
      if (name === 'turn' && isCleaning) {
        return () => {
          reads.push(bytesRead() - before)
          before = bytesRead()
          return target.turn()
        }
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const metrics = memoryMetrics()
  const ports = { disk, clock: watched, random: new SimRandom(1), log: silentLog, metrics }
  const options = { cleanerBackoffMs: backoffMs, cleanerIoBufferBytes: ioBufferBytes }
  const directory = await openLogDirectory('/data', ports, options)
  const configs = new Map(
    Object.entries({ 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0', 'segment.ms': '1000' }),
  )
  await directory.createTopic({ name: 't', partitions: 1, configs })
  const log = directory.partition('t', 0)!
  for (const batch of batches) log.append(batch)
  await clock.advance(2000)
  log.append(keyed(1, 10, 2000)) // rolls
  for (let i = 0; i < 50; i++) await clock.turn()
  isCleaning = true
  before = bytesRead()
  for (let i = 0; i < 200 && metrics.snapshot().get('millrace_log_cleaner_runs_total') !== 1; i++) {
    await clock.advance(i === 0 ? backoffMs : 100)
    await clock.turn()
  }
  isCleaning = false
  expect(metrics.snapshot().get('millrace_log_cleaner_runs_total')).toBe(1)
  return reads
}

function keyed(records: number, valueBytes: number, laterMs = 0): ValidBatch {
  const builder = new BatchBuilder({ capacityBytes: records * (valueBytes + 30) + 100 })
  for (let i = 0; i < records; i++) {
    builder.append(startMs + laterMs, Buffer.from(`k${i}`), bytesOut, Buffer.alloc(valueBytes), bytesOut, null)
  }
  return builder.build()
}

test('a slice of the cleaner is bounded in bytes, however fast the machine', async () => {
  const batches = Array.from({ length: 200 }, () => keyed(10, 1000))
  const total = batches.reduce((sum, batch) => sum + batch.length, 0)
  const reads = await readsBetweenTurns(batches, 0)
  // All is read twice: for its keys, and to be written anew.
  expect(reads.length).toBeGreaterThanOrEqual(Math.floor((2 * total) / (sliceBytesMax + batches[0]!.length)))
  for (const bytes of reads) expect(bytes).toBeLessThanOrEqual(sliceBytesMax + batches[0]!.length + ioBufferBytes)
})

test('a slice ends inside a batch of many records, however slow the machine', async () => {
  const reads = await readsBetweenTurns([keyed(20 * recordsAtOnce, 0)], 5)
  expect(reads.length).toBeGreaterThanOrEqual(20)
})
