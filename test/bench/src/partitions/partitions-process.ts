import { Buffer } from 'node:buffer'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeDisk, nodeRandom } from '@millrace/kernel/node'
import { type LogDirectory, openLogDirectory, type PartitionLog } from '@millrace/log/internal'
import { BatchBuilder, bytesOut, type ValidBatch } from '@millrace/record/internal'
import { serveOrder } from '../child.ts'
import { ownCpuSeconds } from '../cpu-time.ts'

export interface PartitionsOrder {
  readonly partitions: number
}

/** Processor time, in milliseconds, of a thousand calls. */
export interface PartitionsMeasured {
  readonly createS: number
  readonly openS: number
  readonly residentMb: number
  readonly openFiles: number
  readonly appendMs: number
  readonly fetchMs: number
  readonly spreadAppendMs: number
  readonly spreadFetchMs: number
}

const calls = 20_000
const batchBytes = 1000

await serveOrder(async ({ partitions }: PartitionsOrder) => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-partitions-'))
  const createS = await created(directory, partitions)
  const rssBefore = process.memoryUsage.rss()
  const began = performance.now()
  const log = await opened(directory)
  const openS = (performance.now() - began) / 1000
  const residentMb = (process.memoryUsage.rss() - rssBefore) / 2 ** 20
  const all = Array.from({ length: partitions }, (_, i) => log.partition('many', i)!)
  const hot = [all[Math.floor(partitions / 2)]!]
  await appended(hot, calls) // warms up
  const appendMs = await appended(hot, calls)
  const fetchMs = fetched(hot, calls)
  const spreadAppendMs = await appended(all, calls)
  const answer: PartitionsMeasured = {
    createS,
    openS,
    residentMb,
    appendMs,
    fetchMs,
    spreadAppendMs,
    spreadFetchMs: fetched(all, calls),
    openFiles: readdirSync('/proc/self/fd').length,
  }
  return {
    answer,
    async close() {
      await log.close()
      rmSync(directory, { recursive: true })
    },
  }
})

function opened(directory: string): Promise<LogDirectory> {
  const ports = { disk: nodeDisk(), clock: nodeClock(), random: nodeRandom(), log: silentLog, metrics: memoryMetrics() }
  return openLogDirectory(directory, ports)
}

/** A topic with a record in each partition, and a clean stop. Returns seconds. */
async function created(directory: string, partitions: number): Promise<number> {
  const began = performance.now()
  const log = await opened(directory)
  await log.createTopic({ name: 'many', partitions, configs: new Map() })
  for (let i = 0; i < partitions; i++) log.partition('many', i)!.append(batch())
  await log.close()
  return (performance.now() - began) / 1000
}

function batch(): ValidBatch {
  const builder = new BatchBuilder({ capacityBytes: batchBytes + 200 })
  builder.append(Date.now(), null, bytesOut, Buffer.alloc(batchBytes), bytesOut, null)
  return builder.build()
}

async function appended(logs: readonly PartitionLog[], count: number): Promise<number> {
  const batches = Array.from({ length: count }, batch)
  const before = ownCpuSeconds()
  for (let i = 0; i < count; i++) logs[i % logs.length]!.append(batches[i]!)
  const used = ownCpuSeconds() - before
  // What a round of appends leaves to the background is its own.
  await Promise.all(logs.slice(0, 100).map((log) => log.synced(log.highWatermark)))
  return (used / count) * 1e6
}

function fetched(logs: readonly PartitionLog[], count: number): number {
  const before = ownCpuSeconds()
  for (let i = 0; i < count; i++) {
    const log = logs[i % logs.length]!
    const from = Math.floor(i / logs.length) % log.highWatermark
    log.read(offset(from), batchBytes, 'read_uncommitted')
  }
  return ((ownCpuSeconds() - before) / count) * 1e6
}
