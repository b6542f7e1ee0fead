import type { ByteWritable } from '@millrace/kernel'
import { BatchBuilder, BatchCursor, type CodecName, isTransactional } from '@millrace/record/internal'
import { PendingBatch, type Receipt } from './pending-batch.ts'

/** The records of a batch in two batches, the first half (or one more) in the first. Waiters go with their records. */
export function splitBatch(batch: PendingBatch, codec: CodecName): [PendingBatch, PendingBatch] {
  const half = Math.ceil(batch.count / 2)
  const cursor = new BatchCursor().open(batch.bytes)
  const value: ByteWritable<BatchCursor> = {
    write: (from, into) => into.raw(from.bytes, from.valueFrom, from.valueTo),
  }
  const builder = new BatchBuilder({ codec, capacityBytes: batch.bytes.length })
  const part = (from: number, count: number) => {
    for (let i = 0; i < count && cursor.next(); i++) {
      const headers = cursor.headerCount === 0 ? null : cursor.bytes.subarray(cursor.headersFrom, cursor.headersTo)
      const present = cursor.valueFrom < 0 ? null : cursor
      builder.appendWithKeyBytes(
        cursor.timestampMs,
        cursor.bytes,
        cursor.keyFrom,
        cursor.keyTo,
        present,
        value,
        headers,
      )
    }
    const made = new PendingBatch(builder.build({ transactional: isTransactional(batch.bytes) }), {
      count,
      order: batch.order + from,
      bufferedBytes: bytesUpTo(batch, from + count) - bytesUpTo(batch, from),
      openedAtMs: batch.openedAtMs,
      receipts: receiptsOf(batch, from, from + count),
    })
    made.attempts = 1 // one at a time: the other half may be too large as well
    for (const ticket of batch.tickets) {
      ticket.add()
      made.tickets.push(ticket)
    }
    return made
  }
  const parts: [PendingBatch, PendingBatch] = [part(0, half), part(half, batch.count - half)]
  for (const ticket of batch.tickets) ticket.settle()
  return parts
}

function receiptsOf(batch: PendingBatch, from: number, to: number): Receipt[] {
  return batch.receipts
    .filter((receipt) => receipt.index < to && endOf(receipt) > from)
    .map((receipt) => {
      if (receipt.index < from) receipt.parted?.()
      return {
        index: Math.max(0, receipt.index - from),
        until: Math.min(endOf(receipt), to) - from,
        timestampMs: receipt.timestampMs,
        delivered: (at, appendTimeMs) => receipt.delivered(at, appendTimeMs),
        failed: (error) => receipt.failed(error),
        parted: () => receipt.parted?.(),
      }
    })
}

function endOf(receipt: Receipt): number {
  return receipt.until ?? receipt.index + 1
}

/** A share of the buffer, so that the parts add up to the whole. */
function bytesUpTo(batch: PendingBatch, record: number): number {
  return Math.floor((batch.bufferedBytes * record) / batch.count)
}
