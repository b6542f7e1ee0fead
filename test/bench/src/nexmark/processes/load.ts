import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { utf8Out } from '@millrace/record/internal'
import { startMillrace } from 'millrace'
import { serveOrder } from '../../child.ts'
import type { Bid } from '../bid.ts'

export interface LoadOrder {
  readonly input: string
  readonly data: string
  readonly partitions: number
}

export interface Loaded {
  readonly records: number
  readonly seconds: number
}

/** One producer, in the order of the file, by key: as Kafka's own would, murmur2 of the key. */
await serveOrder(async ({ input, data, partitions }: LoadOrder) => {
  const millrace = await startMillrace({ data })
  const admin = millrace.client.admin()
  // The events lie in the past: no retention by the wall clock may eat them.
  await admin.createTopics([{ name: 'bid', partitions, configs: { 'retention.ms': '-1' } }])
  await admin.close()
  const producer = millrace.client.producer({ acks: 'all' })
  const to = await producer.open('bid')
  const before = performance.now()
  let records = 0
  for await (const line of createInterface({ input: createReadStream(join(input, 'bid.ndjson')) })) {
    if (line === '') continue
    const bid: Bid = JSON.parse(line)
    if (producer.full) await producer.drained()
    producer.append(to, -1, bid.dateTime, String(bid.auction), utf8Out, line, utf8Out, null)
    records++
  }
  await producer.close()
  const answer: Loaded = { records, seconds: (performance.now() - before) / 1000 }
  await millrace.close()
  return { answer }
})
