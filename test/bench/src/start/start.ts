import { askChild } from '../child.ts'
import { type Figure, figureOf } from '../figure.ts'
import type { StartMeasured, StartOrder } from './start-process.ts'

const programs = [
  { program: 'engine', by: 'the embedded engine, listening on TCP' },
  { program: 'millrace', by: 'startMillrace, with streams, connectors and HTTP' },
] as const

/** From the start of a Node process on an empty directory, a process of its own each time. */
export async function startFigures(rounds: number): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const { program, by } of programs) {
    const runs: StartMeasured[] = []
    for (let round = -1; round < rounds; round++) {
      const order: StartOrder = { startedMs: Date.now(), program }
      const run = await askChild<StartOrder, StartMeasured>(new URL('./start-process.js', import.meta.url), order)
      if (round >= 0) runs.push(run)
    }
    const row = (what: string, unit: Figure['unit'], of: (run: StartMeasured) => number) =>
      figures.push(figureOf(what, by, unit, runs.map(of)))
    row('process start to ready', 'ms', ({ readyMs }) => readyMs)
    row('process start to the first append acknowledged at acks=all, its topic made', 'ms', (run) => run.firstProduceMs)
    row('CPU until then', 'CPU s', ({ cpuS }) => cpuS)
    row('resident when ready', 'MB', ({ readyRssMb }) => readyRssMb)
    row('resident after the first append', 'MB', ({ producedRssMb }) => producedRssMb)
  }
  return figures
}
