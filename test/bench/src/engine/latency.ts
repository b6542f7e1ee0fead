import { quantile } from '../benchmark.ts'
import { ownCpuSeconds } from '../cpu-time.ts'
import { type Figure, figureOf } from '../figure.ts'
import { benchEngine, type Reach } from './bench-engine.ts'
import type { ClientWork } from './client-work.ts'

const perSecond = 10_000
const reaches: readonly Reach[] = ['loopback', 'thread', 'TCP']

/** Two seconds of appends at a steady pace, each round; the first round warms up. */
const work: ClientWork = { kind: 'paced append', recordBytes: 100, acks: 'all', records: 2 * perSecond, perSecond }

/** How long an append takes from when it is due until it is acknowledged, at a steady 10,000 a second. */
export async function latencyFigures(rounds: number): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const reach of reaches) {
    const { run, close } = await benchEngine(reach, work)
    const found = { p50: [] as number[], p99: [] as number[], cpu: [] as number[] }
    for (let round = -1; round < rounds; round++) {
      const before = ownCpuSeconds()
      const latencies = await run()
      if (round < 0) continue
      found.p50.push(quantile(latencies, 0.5))
      found.p99.push(quantile(latencies, 0.99))
      found.cpu.push((ownCpuSeconds() - before) / (work.records / perSecond))
    }
    await close()
    const what = `append of 100 B acknowledged at acks=all, at ${perSecond / 1000} k/s`
    figures.push(figureOf(`${what}, p50`, reach, 'ms', found.p50), figureOf(`${what}, p99`, reach, 'ms', found.p99))
    figures.push(figureOf('CPU used meanwhile, each second', reach, 'CPU s', found.cpu))
  }
  return figures
}
