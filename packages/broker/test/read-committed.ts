import { Buffer } from 'node:buffer'
import {
  baseOffset,
  isControl,
  isTransactional,
  nextOffset,
  openBatches,
  producerId,
  readControl,
} from '@millrace/record/internal'
import { type BrokerBench, recordsOf, valuesOf } from './broker-bench.ts'

/** What a read_committed consumer makes of a partition: aborted transactions and markers left out, up to the LSO. */
export async function readCommitted(bench: BrokerBench, topic: string, partition = 0): Promise<string[]> {
  const values: string[] = []
  let next = 0
  for (;;) {
    const answer = recordsOf(await bench.fetch(topic, next, { isolationLevel: 1 }, partition))
    if (answer.errorCode !== 0) throw new Error(`${topic}-${partition}: ${answer.errorCode}`)
    const records = answer.records ?? Buffer.alloc(0)
    const waiting = [...(answer.abortedTransactions ?? [])].sort((a, b) => a.firstOffset - b.firstOffset)
    const aborting = new Set<number>()
    let moved = false
    for (const batch of openBatches(records, { source: 'test', position: 0 })) {
      const at = baseOffset(batch)
      moved ||= nextOffset(batch) > next
      next = Math.max(next, nextOffset(batch))
      while ((waiting[0]?.firstOffset ?? Number.POSITIVE_INFINITY) < nextOffset(batch)) {
        const aborted = waiting.shift()
        if (aborted !== undefined) aborting.add(aborted.producerId)
      }
      if (isControl(batch)) {
        if (readControl(batch)?.type === 'abort') aborting.delete(producerId(batch))
      } else if (!isTransactional(batch) || !aborting.has(producerId(batch))) values.push(...valuesOf(batch))
      if (at >= answer.lastStableOffset)
        throw new Error(`offset ${at} lies past the last stable ${answer.lastStableOffset}`)
    }
    if (!moved) return values
  }
}
