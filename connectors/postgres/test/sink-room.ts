import type { ConnectRecord, SinkBatch, SinkTask } from '@millrace/connect-api'
import { sinkBatchOf } from '@millrace/connect-api'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { type PostgresSinkConfig, postgresSink } from '../src/index.ts'

export interface Rejected {
  readonly offset: number
  readonly message: string
}

/** The sink on its own, with the runtime's part played by the test. */
export async function startSink(config: Partial<PostgresSinkConfig>, tolerant = true, exactlyOnce = false) {
  const rejected: Rejected[] = []
  const { clock, disk, random, metrics } = nodePorts({ log: silentLog })
  const whole: PostgresSinkConfig = {
    table: 'things',
    columns: [
      { name: 'id', type: 'text', from: 'key' },
      { name: 'n', type: 'integer' },
    ],
    'primary.key': ['id'],
    ssl: 'disable',
    'insert.mode': 'upsert',
    'delete.enabled': true,
    'auto.create': true,
    'synchronous.commit': 'on',
    'connect.timeout.ms': 5000,
    ...config,
  }
  const task: SinkTask = await postgresSink.start({
    connector: 'snk',
    task: 0,
    config: whole,
    clock,
    disk,
    random,
    metrics,
    log: silentLog,
    signal: new AbortController().signal,
    progress: { report() {} },
    exactlyOnce,
    resolvePath: (path) => path,
    reject(batch, i, error) {
      if (!tolerant) throw error
      rejected.push({ offset: batch.offsets[i] ?? -1, message: error.message })
    },
  })
  const put = (records: Parameters<typeof sinkBatchOf>[0]) => task.put(batchOf(records))
  return { task, put, rejected, stop: async () => task.stop?.() }
}

export const batchOf = (records: readonly Partial<ConnectRecord>[]): SinkBatch => sinkBatchOf(records)
