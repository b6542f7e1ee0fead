import { createClient } from '@millrace/client'
import { threadTransport } from '@millrace/embedded'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import { BatchCursor } from '@millrace/record/internal'

/** Reads a partition in a thread of its own until a number of records has come, and tells what it saw. */
export default async function start({ link, count }, port) {
  const ports = nodePorts({ log: nodeLog({ level: 'error' }) })
  const client = createClient({ transport: threadTransport(link, ports), ports })
  const consumer = client.consumer({ autoOffsetReset: 'earliest' })
  consumer.assign([{ topic: 'orders', partition: 0 }])
  const cursor = new BatchCursor()
  let seen = 0
  let inOrder = true
  while (seen < count) {
    for (const { batch } of await consumer.poll({ timeoutMs: 5_000 })) {
      cursor.open(batch)
      while (cursor.next()) {
        if (Number(cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo)) !== seen) inOrder = false
        seen++
      }
    }
  }
  const producer = client.producer()
  const answer = await producer.send({ topic: 'orders', partition: 1, value: 'from the thread' })
  await client.close()
  port.post({ seen, inOrder, offset: answer.offset })
  port.close()
}
