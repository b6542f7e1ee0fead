import { createClient, tcpTransport } from '@millrace/client'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { BatchCursor } from '@millrace/record/internal'
import { serveOrder } from '../../child.ts'
import { type Digest, digestOf } from '../digest.ts'
import { queryNamed } from '../query.ts'

export interface ReadOrder {
  readonly address: string
  readonly query: string
  readonly partitions: number
}

export interface OutputRead extends Digest {
  /** Records in the topic, updates and tombstones included. */
  readonly records: number
}

/** Reads a query's output topic over TCP, as any other program would, and parses it with JSON.parse. */
await serveOrder(async ({ address, query, partitions }: ReadOrder) => {
  const { output, result, line } = queryNamed(query)
  const ports = nodePorts({ log: silentLog })
  const client = createClient({ transport: tcpTransport({ bootstrap: [address], ports }), ports })
  const consumer = client.consumer({ autoOffsetReset: 'earliest' })
  const places = Array.from({ length: partitions }, (_, partition) => ({ topic: output, partition }))
  const ends = await consumer.endOffsets(places)
  consumer.assign(places)
  const rows = new Map<string, string>()
  const lines: string[] = []
  const cursor = new BatchCursor()
  let records = 0
  const left = () => places.some((at) => (consumer.position(at) ?? 0) < (ends.get(at.topic, at.partition) ?? 0))
  while (left()) {
    for (const { batch } of await consumer.poll({ timeoutMs: 1000 })) {
      cursor.open(batch)
      while (cursor.next()) {
        records++
        const { bytes, keyFrom, keyTo, valueFrom, valueTo } = cursor
        const text = valueFrom < 0 ? undefined : line(JSON.parse(bytes.toString('utf8', valueFrom, valueTo)))
        const key = result === 'table' ? bytes.toString('utf8', keyFrom, keyTo) : ''
        if (result === 'stream' && text !== undefined) lines.push(text)
        else if (text === undefined) rows.delete(key)
        else rows.set(key, text)
      }
    }
  }
  await client.close()
  const answer: OutputRead = { records, ...digestOf(result === 'stream' ? lines : [...rows.values()]) }
  return { answer }
})
