import { codeOf, offset } from '@millrace/kernel'
import { isControl, producerEpoch, producerId, readControl } from '@millrace/record/internal'
import { afterEach, describe, expect, test } from 'vitest'
import type { AppendOptions, LogDirectory, PartitionLog } from '../src/internal.ts'
import { batch, batchesOf, disks, type Fixture, openAt, startMs } from './fixture.ts'

const verified: AppendOptions = { transactionVersion: 1 }
const verified2: AppendOptions = { transactionVersion: 2 }

/** A transactional batch of producer `id` with `count` records. */
function data(id: number, sequence: number, more: { count?: number; epoch?: number; transactional?: boolean } = {}) {
  const values = Array.from({ length: more.count ?? 1 }, (_, i) => `${id}:${sequence + i}`)
  return batch(values, {
    producerId: id,
    producerEpoch: more.epoch ?? 0,
    baseSequence: sequence,
    transactional: more.transactional ?? true,
  })
}

function end(log: PartitionLog, id: number, commit: boolean, more: { epoch?: number; coordinatorEpoch?: number } = {}) {
  const { epoch = 0, coordinatorEpoch = 0 } = more
  return log.appendMarker({ producerId: id, producerEpoch: epoch, coordinatorEpoch, commit, transactionVersion: 1 })
}

function end2(log: PartitionLog, id: number, epoch: number, commit: boolean) {
  return log.appendMarker({ producerId: id, producerEpoch: epoch, coordinatorEpoch: 0, commit, transactionVersion: 2 })
}

function codeOfThrown(action: () => unknown): string | undefined {
  try {
    action()
  } catch (error) {
    return codeOf(error)
  }
  return undefined
}

describe.each(disks)('transactions on the %s', (_, makeFixture) => {
  let fixture: Fixture
  let directory: LogDirectory

  async function openTopic(configs: Record<string, string> = {}): Promise<PartitionLog> {
    fixture = makeFixture()
    directory = await openAt(fixture)
    await directory.createTopic({ name: 'orders', partitions: 1, configs: new Map(Object.entries(configs)) })
    return directory.partition('orders', 0)!
  }

  async function reopen(): Promise<PartitionLog> {
    await directory.close()
    directory = await openAt(fixture)
    return directory.partition('orders', 0)!
  }

  const committed = (log: PartitionLog, from = 0) => log.read(offset(from), 1 << 20, 'read_committed')

  afterEach(async () => {
    await directory?.close()
    fixture?.remove()
  })

  test('the last stable offset waits for the oldest open transaction, and a reader stops there', async () => {
    const log = await openTopic()
    log.append(batch(['plain']))
    log.append(data(1, 0, { count: 3 }), verified)
    log.append(data(2, 0), verified)
    log.append(batch(['more']))
    expect([log.lastStable, log.highWatermark]).toEqual([1, 6])
    expect(log.openTransaction(1)).toEqual({ firstOffset: 1, producerEpoch: 0 })
    expect(batchesOf(committed(log).bytes).length).toBe(1)
    expect(batchesOf(log.read(offset(0), 1 << 20, 'read_uncommitted').bytes).length).toBe(4)
    end(log, 2, true)
    expect(log.lastStable).toBe(1)
    end(log, 1, true)
    expect([log.lastStable, log.tail.lastStable]).toEqual([8, 8])
    expect(log.openTransaction(1)).toBeUndefined()
    expect(committed(log).aborted).toEqual([])
  })

  test('a marker is a control batch of the producer, and an aborted transaction is listed to whoever reads it', async () => {
    const log = await openTopic()
    log.append(data(7, 0, { count: 2 }), verified)
    log.append(batch(['between']))
    const marker = end(log, 7, false, { coordinatorEpoch: 5 })
    expect(marker).toMatchObject({ baseOffset: 3, lastOffset: 3, duplicate: false })
    log.append(batch(['after']))
    const read = committed(log)
    const control = batchesOf(read.bytes)[2]!
    expect([isControl(control), producerId(control), producerEpoch(control)]).toEqual([true, 7, 0])
    expect(readControl(control)).toEqual({ type: 'abort', coordinatorEpoch: 5 })
    expect(read.aborted).toMatchObject([{ producerId: 7, firstOffset: 0 }])
    expect(log.tail.abortedEnd).toBe(4)
    expect(committed(log, 4).aborted).toEqual([])
    expect(log.abortedBetween(offset(2), offset(3))).toMatchObject([{ producerId: 7, firstOffset: 0 }])
    expect(log.read(offset(0), 1 << 20, 'read_uncommitted').aborted).toEqual([])
  })

  test('aborted transactions are found over segments and restarts, their index as well', async () => {
    let log = await openTopic({ 'segment.bytes': '400', 'index.interval.bytes': '0' })
    for (let i = 0; i < 10; i++) {
      log.append(data(1, i), verified)
      log.append(data(2, 2 * i), verified)
      log.append(data(2, 2 * i + 1), verified)
      end(log, 2, i % 3 === 0)
    }
    expect(log.lastStable).toBe(0)
    end(log, 1, false)
    const expected = Array.from({ length: 10 }, (_, i) => i).filter((i) => i % 3 !== 0)
    for (let round = 0; round < 3; round++) {
      expect(log.lastStable).toBe(41)
      for (let from = 0; from < 41; from++) {
        const aborted = log.abortedBetween(offset(from), offset(41))
        const ofTwo = expected.filter((i) => 4 * i + 3 >= from).map((i) => 4 * i + 1)
        expect(aborted.filter((each) => each.producerId === 2).map((each) => each.firstOffset)).toEqual(ofTwo)
        expect(aborted.filter((each) => each.producerId === 1).map((each) => each.firstOffset)).toEqual([0])
      }
      log = await reopen()
    }
  })

  test('fences by epoch, under both versions of the protocol', async () => {
    const log = await openTopic()
    log.append(data(1, 0, { epoch: 3 }), verified)
    expect(codeOfThrown(() => end(log, 1, true, { epoch: 2 }))).toBe('INVALID_PRODUCER_EPOCH')
    end(log, 1, true, { epoch: 3 })
    end(log, 1, true, { epoch: 3 }) // written again: version 1 cannot tell
    expect(codeOfThrown(() => log.append(data(1, 1, { epoch: 2 }), verified))).toBe('INVALID_PRODUCER_EPOCH')

    log.append(data(2, 0, { epoch: 5 }), verified2)
    expect(codeOfThrown(() => end2(log, 2, 5, true))).toBe('INVALID_PRODUCER_EPOCH')
    expect(log.openTransaction(2)).toBeDefined()
    end2(log, 2, 6, true)
    expect(end2(log, 2, 6, true).duplicate).toBe(false) // an answer was lost
    expect(codeOfThrown(() => end2(log, 2, 5, true))).toBe('INVALID_PRODUCER_EPOCH')
    log.append(data(2, 0, { epoch: 6 }), verified2)
    expect(codeOfThrown(() => end2(log, 2, 6, false))).toBe('INVALID_PRODUCER_EPOCH')
    end2(log, 2, 7, false)
    expect(log.lastStable).toBe(log.highWatermark)
  })

  test('a coordinator of old is fenced', async () => {
    const log = await openTopic()
    log.append(data(1, 0), verified)
    end(log, 1, true, { coordinatorEpoch: 4 })
    log.append(data(1, 1), verified)
    const old = () => end(log, 1, false, { coordinatorEpoch: 3 })
    expect(codeOfThrown(old)).toBe('TRANSACTION_COORDINATOR_FENCED')
    end(log, 1, true, { coordinatorEpoch: 4 })
    expect(log.lastStable).toBe(log.highWatermark)
  })

  test('keeps the producer to its transaction, and to one that somebody has verified', async () => {
    const log = await openTopic()
    expect(codeOfThrown(() => log.append(data(1, 0)))).toBe('INVALID_TXN_STATE')
    log.append(data(1, 0), verified)
    log.append(data(1, 1)) // the transaction is open on this partition
    expect(codeOfThrown(() => log.append(data(1, 2, { transactional: false })))).toBe('INVALID_TXN_STATE')
    expect(log.append(data(1, 1)).duplicate).toBe(true)
    end(log, 1, true)
    log.append(data(1, 2, { transactional: false }))
    expect(codeOfThrown(() => log.append(data(1, 3)))).toBe('INVALID_TXN_STATE')
    expect(log.lastStable).toBe(log.highWatermark)
  })

  test('the first sequence of a producer: any under version 1, 0 under version 2, 0 in a new epoch', async () => {
    const log = await openTopic()
    log.append(data(1, 17), verified)
    expect(codeOfThrown(() => log.append(data(2, 17), verified2))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    log.append(data(2, 0), verified2)
    end2(log, 2, 1, true)
    expect(codeOfThrown(() => log.append(data(2, 1, { epoch: 1 }), verified2))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    expect(codeOfThrown(() => log.append(data(2, 1, { epoch: 1 }), verified))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER')
    log.append(data(2, 0, { epoch: 1 }), verified2)
  })

  test('offsets of a group in a transaction carry no sequence', async () => {
    const log = await openTopic()
    const offsets = () => data(4, -1)
    expect(codeOfThrown(() => log.append(offsets(), verified))).toBe('INVALID_RECORD')
    for (let i = 0; i < 3; i++) {
      expect(log.append(offsets(), { transactionVersion: 2, origin: 'coordinator' }).duplicate).toBe(false)
    }
    expect(log.lastStable).toBe(0)
    expect(log.producers()).toEqual([
      {
        producerId: 4,
        producerEpoch: 0,
        lastSequence: -1,
        lastOffset: 2,
        lastTimestampMs: startMs,
        coordinatorEpoch: -1,
        transactionFirst: 0,
      },
    ])
    const log2 = await reopen()
    expect(log2.producers()).toMatchObject([{ producerId: 4, lastSequence: -1, transactionFirst: 0 }])
    expect(log2.lastStable).toBe(0)
    end2(log2, 4, 1, true)
    expect(log2.lastStable).toBe(4)
  })

  test('a long poll of a read_committed reader is woken by the marker, not by the data', async () => {
    const log = await openTopic()
    log.append(data(1, 0), verified)
    const woken: string[] = []
    log.whenPast(offset(1), () => woken.push('data'))
    log.whenStablePast(offset(0), () => woken.push('stable'))
    log.append(data(1, 1))
    expect(woken).toEqual(['data'])
    end(log, 1, true)
    expect(woken).toEqual(['data', 'stable'])
    log.whenStablePast(offset(2), () => woken.push('at once'))
    await Promise.resolve()
    expect(woken).toEqual(['data', 'stable', 'at once'])
    log.whenStablePast(offset(3), () => woken.push('never')).cancel()
    log.append(batch(['plain']))
    expect(woken.length).toBe(3)
  })

  test('markers are stamped by a log that keeps its own time, and are not compressed', async () => {
    const log = await openTopic({ 'message.timestamp.type': 'LogAppendTime', 'compression.type': 'gzip' })
    log.append(data(1, 0, { count: 50 }), verified)
    expect(end(log, 1, false).appendTimeMs).toBe(startMs)
    const read = committed(log)
    const [first, marker] = batchesOf(read.bytes)
    expect(first!.length).toBeLessThan(500)
    expect(readControl(marker!)).toEqual({ type: 'abort', coordinatorEpoch: 0 })
    expect(read.aborted.length).toBe(1)
  })

  test('deleting the beginning of an open transaction leaves the last stable offset at the log start', async () => {
    const log = await openTopic()
    log.append(data(1, 0, { count: 10 }), verified)
    await log.deleteRecords(offset(5))
    expect([log.logStart, log.lastStable]).toEqual([5, 5])
    expect(committed(log, 5).bytes.length).toBe(0)
    end(log, 1, false)
    expect(log.lastStable).toBe(11)
    expect(committed(log, 5).aborted).toMatchObject([{ producerId: 1, firstOffset: 0 }])
  })
})
