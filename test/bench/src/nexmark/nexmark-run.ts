import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askChild, startChild } from '../child.ts'
import type { Digest } from './digest.ts'
import type { JobMeasured, JobOrder } from './processes/job.ts'
import type { Loaded, LoadOrder } from './processes/load.ts'
import type { OracleOrder } from './processes/oracle.ts'
import type { OutputRead, ReadOrder } from './processes/read-output.ts'
import { queryNamed } from './query.ts'

/** One query, once. Times in seconds. */
export interface NexmarkRun extends Omit<JobMeasured, 'address'> {
  readonly query: string
  readonly eventsPerS: number
  readonly outputRecords: number
  readonly rows: number
  readonly sha256: string
  /** The result is the one that the plain loops came to. */
  readonly match: boolean
}

export interface NexmarkOptions {
  /** Holds `bid.ndjson`. */
  readonly input: string
  readonly queries: readonly string[]
  /** @default 1 */
  readonly repeat?: number | undefined
  /** @default 2 */
  readonly threads?: number | undefined
  /** Where CPU profiles of the measured processes go. */
  readonly profiles?: string | undefined
  /** Told of each run as it ends. */
  readonly onRun: (run: NexmarkRun) => void
  readonly onNote?: ((note: string) => void) | undefined
}

const partitions = 4
/** Lines of the whole input, sorted: more than Node's heap is by default. */
const roomForLines = ['--max-old-space-size=8192']

/**
 * Works out the results with plain loops, loads the input once, and runs each query in a process of its own, which
 * another process then reads.
 */
export async function runNexmark(options: NexmarkOptions): Promise<void> {
  const { input, queries, repeat = 1, onNote = () => {} } = options
  const oracles = [...new Set(queries.map((name) => queryNamed(name).oracle))]
  onNote(`the expected results of ${oracles.join(', ')}`)
  const oracle = new URL('./processes/oracle.js', import.meta.url)
  const asked: OracleOrder = { input, queries: oracles }
  const expected = await askChild<OracleOrder, Record<string, Digest>>(oracle, asked, roomForLines)
  const data = mkdtempSync(join(tmpdir(), 'millrace-nexmark-'))
  try {
    const loading: LoadOrder = { input, data, partitions }
    const loaded = await askChild<LoadOrder, Loaded>(new URL('./processes/load.js', import.meta.url), loading)
    onNote(`loaded ${loaded.records} bids in ${loaded.seconds.toFixed(1)} s`)
    for (let round = 0; round < repeat; round++) {
      for (const name of queries) options.onRun(await runQuery(name, round, data, expected, options))
    }
  } finally {
    rmSync(data, { recursive: true })
  }
}

async function runQuery(
  name: string,
  round: number,
  data: string,
  expected: Readonly<Record<string, Digest>>,
  { threads = 2, profiles }: NexmarkOptions,
): Promise<NexmarkRun> {
  const applicationId = `nexmark-${name}-${round}`
  const profiling =
    profiles === undefined ? [] : ['--cpu-prof', '--cpu-prof-interval=1000', `--cpu-prof-dir=${profiles}`]
  const order: JobOrder = { data, query: name, applicationId, threads, partitions, startedMs: Date.now() }
  const job = startChild<JobOrder, JobMeasured>(new URL('./processes/job.js', import.meta.url), order, profiling)
  try {
    const { address, ...measured } = await job.answer
    const reading: ReadOrder = { address, query: name, partitions }
    const reader = new URL('./processes/read-output.js', import.meta.url)
    const { records, rows, sha256 } = await askChild<ReadOrder, OutputRead>(reader, reading, roomForLines)
    return {
      query: name,
      eventsPerS: (measured.eventsRead - measured.eventsBefore) / measured.wallS,
      ...measured,
      outputRecords: records,
      rows,
      sha256,
      match: sha256 === expected[queryNamed(name).oracle]?.sha256,
    }
  } finally {
    await job.end()
    rmSync(join(data, 'state', applicationId), { recursive: true, force: true })
  }
}
