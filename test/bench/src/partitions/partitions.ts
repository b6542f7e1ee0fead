import { askChild } from '../child.ts'
import { type Figure, figureOf } from '../figure.ts'
import type { PartitionsMeasured, PartitionsOrder } from './partitions-process.ts'

/** What it costs that a log directory has many partitions: a process of its own for each count. */
export async function partitionsFigures(rounds: number): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const partitions of [1, 100, 10_000]) {
    const runs: PartitionsMeasured[] = []
    const program = new URL('./partitions-process.js', import.meta.url)
    for (let round = 0; round < rounds; round++) {
      runs.push(await askChild<PartitionsOrder, PartitionsMeasured>(program, { partitions }, ['--expose-gc']))
    }
    const by = partitions === 1 ? '1 partition' : `${partitions.toLocaleString('en')} partitions`
    const row = (what: string, unit: Figure['unit'], of: (run: PartitionsMeasured) => number | readonly number[]) =>
      figures.push(figureOf(what, by, unit, runs.flatMap(of)))
    row('made, a batch in each, closed', 's', ({ createS }) => createS)
    row('opened after a clean stop', 's', ({ openS }) => openS)
    row('heap of the open directory', 'MB', ({ heapMb }) => heapMb)
    row('files open at the end', 'files', ({ openFiles }) => openFiles)
    // Microseconds of a call are milliseconds of a thousand.
    row('1,000 appends of 16 kB to one of them, CPU', 'ms', ({ appends }) => appends.hot)
    row('1,000 appends over all of them in turn, CPU', 'ms', ({ appends }) => appends.spread)
    row('1,000 writes over as many plain open files, CPU', 'ms', ({ appends }) => appends.plain)
    row('1,000 fetches of 16 kB from one of them, CPU', 'ms', ({ fetches }) => fetches.hot)
    row('1,000 fetches over all of them in turn, CPU', 'ms', ({ fetches }) => fetches.spread)
    row('1,000 reads over as many plain open files, CPU', 'ms', ({ fetches }) => fetches.plain)
  }
  return figures
}
