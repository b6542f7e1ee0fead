import { createClient } from '@millrace/client'
import { threadTransport } from '@millrace/embedded'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import { BatchCursor } from '@millrace/record/internal'

const place = { topic: 'table', partition: 0 }

/**
 * Reads a compacted partition from its beginning to its end, over and over, until the record that ends the test has come.
 * Record n has the key n % keys and the value n. Tells how often it came through, and what it found wrong.
 */
export default async function start({ link, keys }, port) {
  const ports = nodePorts({ log: nodeLog({ level: 'error' }) })
  const client = createClient({ transport: threadTransport(link, ports), ports })
  const consumer = client.consumer({ autoOffsetReset: 'earliest' })
  consumer.assign([place])
  const cursor = new BatchCursor()
  const wrong = []
  let sweeps = 0
  let ended = false
  while (!ended && wrong.length === 0) {
    consumer.seek(place, 0)
    const latest = new Map()
    let last = -1
    do {
      for (const { batch } of await consumer.poll({ timeoutMs: 1_000 })) {
        cursor.open(batch)
        while (cursor.next()) {
          const value = cursor.bytes.utf8Slice(cursor.valueFrom, cursor.valueTo)
          const key = cursor.bytes.utf8Slice(cursor.keyFrom, cursor.keyTo)
          if (value === 'end') {
            ended = true
            continue
          }
          if (Number(value) !== cursor.offset) wrong.push(`${value} at ${cursor.offset}`)
          if (cursor.offset <= last) wrong.push(`${cursor.offset} after ${last}`)
          last = cursor.offset
          latest.set(Number(key), last)
        }
      }
    } while ((consumer.currentLag(place) ?? 1) > 0)
    // Whatever was overwritten, the newest record of each key below the last one read was there.
    for (let n = last; n > last - keys && n >= 0; n--) if (latest.get(n % keys) !== n) wrong.push(`${n} was missed`)
    sweeps++
  }
  await client.close()
  port.post({ sweeps, wrong: wrong.slice(0, 5) })
  port.close()
}
