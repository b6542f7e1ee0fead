import { Buffer } from 'node:buffer'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { silentLog } from '@millrace/kernel'
import { memoryMetrics, nodeClock, nodeDisk, nodeRandom } from '@millrace/kernel/node'
import { type LogDirectory, openLogDirectory } from '@millrace/log/internal'
import { BatchBuilder, bytesOut, type ValidBatch } from '@millrace/record/internal'
import { serveOrder } from '../child.ts'
import { ownCpuSeconds } from '../cpu-time.ts'
import { PlainFiles } from './plain-files.ts'
import { TakingTurns } from './taking-turns.ts'

export interface PartitionsOrder {
  readonly partitions: number
}

/** Processor time of a call, in microseconds, round by round. */
export type Rounds = readonly number[]

export interface PartitionsMeasured {
  readonly createS: number
  readonly openS: number
  /** Of the V8 heap and of buffers outside of it, after a collection. */
  readonly heapMb: number
  readonly openFiles: number
  readonly appends: { readonly hot: Rounds; readonly spread: Rounds; readonly plain: Rounds }
  readonly fetches: { readonly hot: Rounds; readonly spread: Rounds; readonly plain: Rounds }
}

/** Whatever the number of partitions, all of them have a turn in each round. */
const calls = 10_000
const rounds = 5
const recordBytes = 1000
/** A batch as a producer with its defaults sends it: `batch.size` is 16 KiB. */
const recordsPerBatch = 16

await serveOrder(async ({ partitions }: PartitionsOrder) => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-partitions-'))
  const sent = batch()
  const createS = await created(directory, partitions, sent)
  const plain = plainRounds(join(directory, 'plain'), partitions, sent)
  const heapBefore = heapBytes()
  const began = performance.now()
  const log = await opened(join(directory, 'log'))
  const openS = (performance.now() - began) / 1000
  const heapMb = (heapBytes() - heapBefore) / 2 ** 20
  const all = new TakingTurns(Array.from({ length: partitions }, (_, i) => log.partition('many', i)!))
  const hot = new TakingTurns([log.partition('many', Math.floor(partitions / 2))!])
  const answer: PartitionsMeasured = {
    createS,
    openS,
    heapMb,
    appends: {
      hot: measured((i) => hot.append(i, sent)),
      spread: measured((i) => all.append(i, sent)),
      plain: plain.writes,
    },
    fetches: {
      hot: measured((i) => hot.fetch(i, sent.length, recordsPerBatch)),
      spread: measured((i) => all.fetch(i, sent.length, recordsPerBatch)),
      plain: plain.reads,
    },
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

/** Of what is in use. The process was started with `--expose-gc`. */
function heapBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** A round more than counts goes before: it warms up. */
function measured(call: (i: number) => void): Rounds {
  const times: number[] = []
  for (let round = 0; round <= rounds; round++) {
    const before = ownCpuSeconds()
    for (let i = 0; i < calls; i++) call(i)
    times.push(((ownCpuSeconds() - before) / calls) * 1e6)
  }
  return times.slice(1)
}

function plainRounds(directory: string, files: number, sent: Buffer): { writes: Rounds; reads: Rounds } {
  const plain = new PlainFiles(directory, files, sent.length)
  const answer = { writes: measured((i) => plain.write(i, sent)), reads: measured((i) => plain.read(i)) }
  plain.remove()
  return answer
}

function opened(directory: string): Promise<LogDirectory> {
  const ports = { disk: nodeDisk(), clock: nodeClock(), random: nodeRandom(), log: silentLog, metrics: memoryMetrics() }
  return openLogDirectory(directory, ports)
}

/** A topic with a batch in each partition, and a clean stop. Returns seconds. */
async function created(directory: string, partitions: number, sent: ValidBatch): Promise<number> {
  const began = performance.now()
  const log = await opened(join(directory, 'log'))
  await log.createTopic({ name: 'many', partitions, configs: new Map() })
  for (let i = 0; i < partitions; i++) log.partition('many', i)!.append(sent)
  await log.close()
  return (performance.now() - began) / 1000
}

function batch(): ValidBatch {
  const builder = new BatchBuilder({ capacityBytes: recordsPerBatch * (recordBytes + 100) })
  for (let i = 0; i < recordsPerBatch; i++) {
    builder.append(Date.now(), null, bytesOut, Buffer.alloc(recordBytes), bytesOut, null)
  }
  return builder.build()
}
