import { baseSequence, bytesOut, producerId } from '@millrace/record/internal'
import { expect, test } from 'vitest'
import { PartitionQueue } from '../src/producer/partition-queue.ts'
import { PendingBatch } from '../src/producer/pending-batch.ts'
import { producerSettings } from '../src/producer/producer-settings.ts'

const settings = producerSettings({})
const identity = { producerId: 7, epoch: 0 }

function seal(queue: PartitionQueue, records: number, by: typeof identity | undefined): PendingBatch {
  for (let i = 0; i < records; i++) queue.builder.append(0, null, bytesOut, Buffer.from([i]), bytesOut, null)
  queue.seal(by)
  return queue.sealed.at(-1)!
}

/** A queue whose next sequence is the last but one that there is. */
function nearlyWrapped(): PartitionQueue {
  const queue = new PartitionQueue('orders', 0, settings)
  const { bytes } = seal(queue, 1, undefined)
  const fields = { order: 0, bufferedBytes: 0, openedAtMs: 0, receipts: [] }
  queue.stamp(new PendingBatch(bytes, { ...fields, count: 2 ** 31 - 2 }), identity)
  queue.sealed.length = 0
  return queue
}

test('sequences wrap from 2^31 - 1 to 0, also within a batch', () => {
  const queue = nearlyWrapped()
  const over = seal(queue, 3, identity)
  expect([over.sequence, baseSequence(over.bytes), producerId(over.bytes)]).toEqual([2 ** 31 - 2, 2 ** 31 - 2, 7])
  expect(baseSequence(seal(queue, 1, identity).bytes)).toBe(1)
})

test('a batch that is split where sequences wrap goes on at 0', () => {
  const queue = nearlyWrapped()
  const over = seal(queue, 4, identity)
  queue.sealed.length = 0
  queue.inFlight.push(over)
  queue.split(over, identity)
  expect(queue.sealed.map(({ bytes, count }) => [baseSequence(bytes), count])).toEqual([
    [2 ** 31 - 2, 2],
    [0, 2],
  ])
})

test('another identity begins at 0', () => {
  const queue = nearlyWrapped()
  seal(queue, 1, identity)
  expect(seal(queue, 1, { producerId: 8, epoch: 0 }).sequence).toBe(0)
})
