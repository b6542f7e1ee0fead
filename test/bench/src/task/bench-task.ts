import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Offset } from '@millrace/kernel'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { stampBaseOffset, type ValidBatch } from '@millrace/record/internal'
import { lmdbEngine } from '@millrace/store'
import type { Topology } from '@millrace/streams'
import { planTopology, StreamTask } from '@millrace/streams/internal'
import { DiscardingCollector } from './discarding-collector.ts'

export interface BenchTask {
  readonly collector: DiscardingCollector
  /** Takes these batches as the next of its input, processes them to the end, and commits. */
  run(batches: readonly ValidBatch[]): void
  close(): Promise<void>
}

/** One task of a topology with one input topic, as a stream thread drives it, its state in lmdb; no broker. */
export function benchTask(topology: Topology, input: string): BenchTask {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-task-'))
  const ports = nodePorts({ log: silentLog })
  const environment = lmdbEngine({ disk: ports.disk }).open(directory)
  const collector = new DiscardingCollector()
  const { clock, metrics, log } = ports
  const plan = planTopology(topology)
  const task = new StreamTask({ plan, subtopology: 0, partition: 0, environment, collector, clock, metrics, log })
  let next = 0
  return {
    collector,
    run(batches) {
      let left = 0
      for (const batch of batches) {
        stampBaseOffset(batch, next as Offset) // an offset is a branded number
        const from = next as Offset
        next += recordsPerBatch
        left += recordsPerBatch
        task.buffer({ topic: input, partition: 0, batch, from, next: next as Offset, leaderEpoch: 0 })
      }
      task.lag(input, 0, 0)
      while (left > 0) left -= task.process(512)
      task.flushCaches()
      const positions = task.changedPositions()
      const ends = Object.fromEntries(Array.from(task.changelogs.keys(), (store) => [store, collector.records]))
      task.flushStores(ends)
      task.committed(positions)
    },
    async close() {
      task.close()
      await environment.close()
      rmSync(directory, { recursive: true })
    },
  }
}

export const recordsPerBatch = 500
