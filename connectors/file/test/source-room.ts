import { Buffer } from 'node:buffer'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  type ConfigProblem,
  type Converter,
  converterOf,
  type PollResult,
  type SourceOffset,
  type SourceWriter,
} from '@millrace/connect-api'
import { ByteWriter, type Disk, silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { type FileSourceConfig, fileSource } from '../src/index.ts'

export interface Emitted {
  readonly timestampMs: number
  readonly key: string | null
  readonly value: string
}

export interface SourceRun {
  readonly records: Emitted[]
  readonly rejected: { readonly place: string; readonly message: string; readonly raw: string | null }[]
  /** The last position told. */
  offset: SourceOffset | undefined
  readonly progress: { done: number; total: number | undefined }
  poll(): Promise<PollResult>
  /** Polls until there is nothing more at once. */
  drain(): Promise<PollResult>
  stop(): Promise<void>
}

export interface RunOptions {
  readonly from?: SourceOffset | undefined
  readonly tolerant?: boolean
  readonly value?: Converter
  readonly disk?: Disk
}

const defaults = {
  topic: 't',
  format: 'lines',
  'timestamp.format': 'iso',
  'csv.delimiter': ',',
  'csv.header': true,
  'time.output': 'iso',
  follow: false,
  'line.bytes.max': 1_048_576,
  timestamp: undefined,
} as const

export function configOf(config: Partial<FileSourceConfig> & { readonly path: string }): FileSourceConfig {
  return { ...defaults, ...config }
}

/** The source on its own: what it appends is kept, positions are those it told. */
export async function runSource(
  config: Partial<FileSourceConfig> & { readonly path: string },
  options: RunOptions = {},
): Promise<SourceRun> {
  const { clock, disk, random, metrics } = nodePorts({ log: silentLog, ...(options.disk && { disk: options.disk }) })
  const records: Emitted[] = []
  const rejected: SourceRun['rejected'] = []
  const progress: SourceRun['progress'] = { done: 0, total: undefined }
  const writer = new ByteWriter(16)
  const out: SourceWriter = {
    open: async (topic) => ({ topic, partitions: 1 }),
    append(_to, _partition, timestampMs, key, keyOut, value, valueOut) {
      if (key !== null) keyOut.write(key, writer.reset())
      const keyText = key === null ? null : writer.take().toString()
      if (value !== null) valueOut.write(value, writer.reset())
      records.push({ timestampMs, key: keyText, value: value === null ? '' : writer.take().toString() })
    },
    send: async () => undefined,
    full: false,
    drained: async () => undefined,
    position(_partition, offset) {
      run.offset = offset
    },
    reject({ place, error, raw }) {
      if (options.tolerant !== true) throw error
      const text = raw === null ? null : typeof raw === 'string' ? raw : Buffer.from(raw).toString()
      rejected.push({ place, message: error.message, raw: text })
    },
  }
  const task = await fileSource.start({
    connector: 'src',
    task: 0,
    config: configOf(config),
    clock,
    disk,
    random,
    metrics,
    log: silentLog,
    signal: new AbortController().signal,
    progress: {
      report(done, total) {
        progress.done = done
        progress.total = total
      },
    },
    exactlyOnce: false,
    resolvePath: (path) => path,
    storedOffset: () => options.from,
    keyConverter: converterOf('key.converter', 'string'),
    valueConverter: options.value ?? converterOf('value.converter', 'json'),
  })
  const run: SourceRun = {
    records,
    rejected,
    offset: undefined,
    progress,
    poll: () => task.poll(out),
    async drain() {
      for (;;) {
        const result = await task.poll(out)
        if (result !== 'more') return result
      }
    },
    stop: async () => task.stop?.(),
  }
  return run
}

export function problemsOf(config: Partial<FileSourceConfig> & { readonly path: string }): readonly ConfigProblem[] {
  const { disk } = nodePorts({ log: silentLog })
  return fileSource.check?.(configOf(config), { disk, resolvePath: (path) => path }) ?? []
}

/** A file of npm's `vega-datasets`. */
export function dataFile(name: string): string {
  const folder = dirname(createRequire(import.meta.url).resolve('vega-datasets'))
  return join(folder, '../data', name)
}
