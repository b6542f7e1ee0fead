import { Buffer } from 'node:buffer'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@millrace/client/internal'
import { startEngine } from '@millrace/embedded/internal'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { BatchCursor, bytesOut } from '@millrace/record/internal'
import type { Benchmark, Contender } from './benchmark.ts'

const recordCount = 50_000

/** An engine in a directory of its own with one topic of one partition, and a client over loopback. */
async function openWorld() {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const ports = nodePorts({ log: silentLog })
  const engine = await startEngine({ directory, ports })
  const client = createClient({ transport: engine.loopback(), ports })
  await client.admin().createTopics([{ name: 'bench', partitions: 1 }])
  return {
    client,
    async close() {
      await client.close()
      await engine.close()
      rmSync(directory, { recursive: true })
    },
  }
}

type World = Awaited<ReturnType<typeof openWorld>>

/** Appends `recordCount` records; resolves when all are acknowledged. */
async function appender(world: World, recordBytes: number, acks: 1 | 'all'): Promise<() => Promise<void>> {
  const producer = world.client.producer({ acks })
  const topic = await producer.open('bench')
  const key = Buffer.from('key-000000')
  const value = Buffer.alloc(recordBytes - key.length, 'value ')
  return async () => {
    for (let i = 0; i < recordCount; i++) {
      if (producer.full) await producer.drained()
      producer.append(topic, 0, 1_700_000_000_000 + i, key, bytesOut, value, bytesOut, null)
    }
    await producer.flush()
  }
}

function appendBenchmark(recordBytes: number, acks: 1 | 'all'): Benchmark {
  return {
    name: `append ${recordBytes} B records through the client over loopback, acks=${acks}, flushed each ${recordCount}`,
    unit: 'records',
    unitsPerRun: recordCount,
    async contenders(): Promise<readonly Contender[]> {
      const world = await openWorld()
      const run = await appender(world, recordBytes, acks)
      return [{ name: 'millrace', run, close: () => world.close() }]
    },
  }
}

function fetchBenchmark(recordBytes: number): Benchmark {
  return {
    name: `fetch and walk ${recordBytes} B records through the client over loopback`,
    unit: 'records',
    unitsPerRun: recordCount,
    async contenders(): Promise<readonly Contender[]> {
      const world = await openWorld()
      await (await appender(world, recordBytes, 1))()
      // Each run goes back to the beginning, and a fetch that waits at the end would be measured as if it worked.
      const consumer = world.client.consumer({ autoOffsetReset: 'earliest', fetchWaitMs: 1 })
      const at = { topic: 'bench', partition: 0 }
      consumer.assign([at])
      const cursor = new BatchCursor()
      const run = async () => {
        await consumer.seekToBeginning([at])
        let seen = 0
        while (seen < recordCount) {
          for (const { batch } of await consumer.poll({ timeoutMs: 1000 })) {
            cursor.open(batch)
            while (cursor.next()) seen++
          }
        }
        if (seen !== recordCount) throw new Error(`${seen} records came, ${recordCount} lie there`)
      }
      return [{ name: 'millrace', run, close: () => world.close() }]
    },
  }
}

export const loopbackBenchmarks: readonly Benchmark[] = [
  ...[100, 1000].flatMap((bytes) => [appendBenchmark(bytes, 1), appendBenchmark(bytes, 'all'), fetchBenchmark(bytes)]),
]
