import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import type { Client } from '@millrace/client'
import { BatchCursor, bytesOut } from '@millrace/record/internal'

/** What a client is to do again and again. Cloneable: a worker is handed it. */
export interface ClientWork {
  readonly kind: 'append' | 'fetch' | 'paced append'
  readonly recordBytes: number
  readonly acks: 1 | 'all'
  /** Records in one run. */
  readonly records: number
  /** Of a paced append. */
  readonly perSecond: number
}

/** One run. What it took from each record's due time to its acknowledgement, for a paced append; else nothing. */
export type Runner = () => Promise<readonly number[]>

export const benchTopic = 'bench'
const at = { topic: benchTopic, partition: 0 }
const firstMs = 1_700_000_000_000

export async function openWork(client: Client, work: ClientWork): Promise<Runner> {
  if (work.kind === 'append') return appender(client, work)
  if (work.kind === 'paced append') return pacedAppender(client, work)
  return fetcher(client, work)
}

/** Resolves when all are acknowledged. */
async function appender(client: Client, { acks, recordBytes, records }: ClientWork): Promise<Runner> {
  const producer = client.producer({ acks })
  const topic = await producer.open(benchTopic)
  const key = Buffer.from('key-000000')
  const value = Buffer.alloc(recordBytes - key.length, 'value ')
  return async () => {
    for (let i = 0; i < records; i++) {
      if (producer.full) await producer.drained()
      producer.append(topic, 0, firstMs + i, key, bytesOut, value, bytesOut, null)
    }
    await producer.flush()
    return []
  }
}

async function fetcher(client: Client, work: ClientWork): Promise<Runner> {
  await (await appender(client, work))()
  // Each run goes back to the beginning, and a fetch that waits at the end would be measured as if it worked.
  const consumer = client.consumer({ autoOffsetReset: 'earliest', fetchWaitMs: 1 })
  consumer.assign([at])
  const cursor = new BatchCursor()
  return async () => {
    await consumer.seekToBeginning([at])
    let seen = 0
    while (seen < work.records) {
      for (const { batch } of await consumer.poll({ timeoutMs: 1000 })) {
        cursor.open(batch)
        while (cursor.next()) seen++
      }
    }
    if (seen !== work.records) throw new Error(`${seen} records came, ${work.records} lie there`)
    return []
  }
}

/**
 * Sends at a steady pace, whatever the answers do: a record's time counts from when it was due, so one that had to wait
 * for its turn is not made to look quick.
 */
async function pacedAppender(client: Client, work: ClientWork): Promise<Runner> {
  const producer = client.producer({ acks: work.acks })
  const value = Buffer.alloc(work.recordBytes, 'value ')
  const everyMs = 1000 / work.perSecond
  return async () => {
    const latencies: number[] = []
    const pending: Promise<void>[] = []
    const startMs = performance.now()
    for (let sent = 0; sent < work.records; ) {
      const now = performance.now()
      for (; sent < work.records && startMs + sent * everyMs <= now; sent++) {
        const dueMs = startMs + sent * everyMs
        const answered = producer.send({ topic: benchTopic, partition: 0, key: 'key-000000', value })
        pending.push(answered.then(() => void latencies.push(performance.now() - dueMs)))
      }
      await new Promise((resolve) => setImmediate(resolve))
    }
    await Promise.all(pending)
    return latencies
  }
}
