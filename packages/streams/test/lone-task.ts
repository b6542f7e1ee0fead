import { type Offset, silentLog } from '@millrace/kernel'
import { memoryMetrics, SimClock } from '@millrace/kernel/sim'
import { BatchBuilder, nextOffset, stampBaseOffset } from '@millrace/record/internal'
import { memoryEngine } from '@millrace/store'
import { long, string, type Topology } from '@millrace/streams'
import { type Collector, planTopology, StreamTask, type TaskOptions } from '@millrace/streams/internal'

export class Written implements Collector {
  full = false
  readonly records: { topic: string; partition: number; timestampMs: number }[] = []

  handle(name: string) {
    return { topic: name, partitions: 1 }
  }

  append(to: { readonly topic: string }, partition: number, timestampMs: number): void {
    this.records.push({ topic: to.topic, partition, timestampMs })
  }

  timesOf(name: string): number[] {
    return this.records.filter(({ topic: its }) => its === name).map(({ timestampMs }) => timestampMs)
  }
}

/** A task by itself, with feeders for its inputs. */
export function alone(topology: Topology, options: Partial<TaskOptions> = {}) {
  const written = new Written()
  const clock = new SimClock()
  const ends = new Map<string, number>()
  const environment = memoryEngine().open('alone')
  const task = new StreamTask({
    plan: planTopology(topology),
    subtopology: 0,
    partition: 0,
    environment,
    collector: written,
    clock,
    metrics: memoryMetrics(),
    log: silentLog,
    ...options,
  })
  function add(name: string, times: readonly number[], keyOf = (i: number) => `k${i}`): void {
    const builder = new BatchBuilder()
    for (const [i, timestampMs] of times.entries()) builder.append(timestampMs, keyOf(i), string(), i, long(), null)
    const batch = builder.build({ leaderEpoch: 7 })
    const from = (ends.get(name) ?? 0) as Offset
    stampBaseOffset(batch, from)
    ends.set(name, nextOffset(batch))
    task.buffer({ topic: name, partition: 0, batch, from, next: nextOffset(batch), leaderEpoch: 7 })
  }
  return { task, written, clock, environment, add }
}
