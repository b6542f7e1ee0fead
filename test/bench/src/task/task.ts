import { BatchBuilder, utf8Out, type ValidBatch } from '@millrace/record/internal'
import type { Topology } from '@millrace/streams'
import type { Benchmark } from '../benchmark.ts'
import { benchTask, recordsPerBatch } from './bench-task.ts'
import { changed, copied, counted, type Order, orders } from './topologies.ts'

const batchCount = 100
const keyCount = 10_000

/** Orders of 200 bytes of JSON, give or take a digit. */
function orderBatches(): ValidBatch[] {
  return Array.from({ length: batchCount }, (_, at) => {
    const builder = new BatchBuilder({ capacityBytes: recordsPerBatch * 250 })
    for (let i = 0; i < recordsPerBatch; i++) {
      const id = at * recordsPerBatch + i
      // Keys in an order that looks random and repeats after 10,000.
      const key = `key-${String((id * 7919) % keyCount).padStart(6, '0')}`
      builder.append(1_700_000_000_000 + id, key, utf8Out, JSON.stringify(order(id)), utf8Out, null)
    }
    return builder.build()
  })
}

function order(id: number): Order {
  const customer = `customer-${id % 1000}`
  const placedAt = new Date(1_700_000_000_000 + id).toISOString()
  const head: Order = {
    id,
    customer,
    product: 'kettle, blue',
    quantity: 1 + (id % 9),
    price: 1999 + id,
    placedAt,
    note: '',
  }
  return { ...head, note: 'x'.repeat(200 - JSON.stringify(head).length) }
}

function taskBenchmark(name: string, topology: Topology): Benchmark {
  return {
    name: `${name}; JSON values of 200 B, one task, batches in and out, no broker`,
    unit: 'records',
    unitsPerRun: batchCount * recordsPerBatch,
    bytesPerUnit: 210,
    async contenders() {
      const batches = orderBatches()
      const task = benchTask(topology, orders.name)
      return [{ name: 'millrace', run: () => task.run(batches), close: () => task.close() }]
    },
  }
}

export const taskBenchmarks: readonly Benchmark[] = [
  taskBenchmark('parse, change a field, write', changed),
  taskBenchmark('copy on as bytes', copied),
  taskBenchmark(
    `count by key, ${keyCount} keys, state in lmdb, a commit each ${batchCount * recordsPerBatch} records`,
    counted,
  ),
]
