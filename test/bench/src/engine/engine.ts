import type { Benchmark } from '../benchmark.ts'
import { benchEngine, type Reach } from './bench-engine.ts'
import type { ClientWork } from './client-work.ts'

const records = 50_000

const places: readonly { readonly reach: Reach; readonly name: string }[] = [
  { reach: 'loopback', name: 'loopback: client and engine on one thread' },
  { reach: 'thread', name: 'thread: client in a worker' },
  { reach: 'TCP', name: 'TCP: client in a worker' },
]

function engineBenchmark(kind: 'append' | 'fetch', recordBytes: number, acks: 1 | 'all'): Benchmark {
  const work: ClientWork = { kind, recordBytes, acks, records, perSecond: 0 }
  const what = kind === 'append' ? `append, acks=${acks}, flushed each ${records} records` : 'fetch and walk'
  return {
    name: `${what}, ${recordBytes} B records, one partition`,
    unit: 'records',
    unitsPerRun: records,
    bytesPerUnit: recordBytes,
    contenders: () =>
      Promise.all(
        places.map(async ({ reach, name }) => {
          const { run, close } = await benchEngine(reach, work)
          return { name, run: async () => void (await run()), close }
        }),
      ),
  }
}

export const engineBenchmarks: readonly Benchmark[] = [100, 1000].flatMap((bytes) => [
  engineBenchmark('append', bytes, 1),
  engineBenchmark('append', bytes, 'all'),
  engineBenchmark('fetch', bytes, 1),
])
