import { TopicPartitionMap } from '@millrace/kernel'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Transaction, TransactionState } from '../src/transaction/transaction.ts'
import {
  decodeTransaction,
  decodeTransactionKey,
  encodeTransaction,
  encodeTransactionKey,
} from '../src/transaction/transaction-format.ts'
import {
  completed,
  fenced,
  newTransaction,
  prepared,
  stepEnd,
  stepEnd2,
  stepInit,
} from '../src/transaction/transaction-steps.ts'

const partitions = () => new TopicPartitionMap<number>().set('t', 0, 5)

function at(state: TransactionState, epoch = 7): Transaction {
  const some = state === 'Ongoing' || state === 'PrepareCommit' || state === 'PrepareAbort'
  const base = { ...newTransaction('tx', 10, 60_000, 1000), state, epoch, previousProducerId: 10 }
  return some ? { ...base, partitions: partitions(), startMs: 500 } : base
}

/** TransactionCoordinator.scala: what each end gets in each state, under version 2. `-1`: the request is a repeated one. */
const ends2: readonly [TransactionState, number, boolean, string][] = [
  ['Empty', 0, false, 'PrepareAbort'],
  ['Empty', 0, true, 'INVALID_TXN_STATE'],
  ['Empty', -1, false, 'PRODUCER_FENCED'],
  ['Empty', -1, true, 'PRODUCER_FENCED'],
  ['Ongoing', 0, true, 'PrepareCommit'],
  ['Ongoing', 0, false, 'PrepareAbort'],
  ['Ongoing', -1, true, 'PRODUCER_FENCED'],
  ['Ongoing', 1, true, 'PRODUCER_FENCED'],
  ['PrepareCommit', -1, true, 'CONCURRENT_TRANSACTIONS'],
  ['PrepareCommit', -1, false, 'INVALID_TXN_STATE'],
  ['PrepareCommit', 0, true, 'PRODUCER_FENCED'],
  ['PrepareAbort', -1, false, 'CONCURRENT_TRANSACTIONS'],
  ['PrepareAbort', -1, true, 'INVALID_TXN_STATE'],
  ['CompleteCommit', -1, true, 'done'],
  ['CompleteCommit', -1, false, 'INVALID_TXN_STATE'],
  ['CompleteCommit', 0, true, 'INVALID_TXN_STATE'],
  ['CompleteCommit', 0, false, 'PrepareAbort'],
  ['CompleteCommit', -2, true, 'PRODUCER_FENCED'],
  ['CompleteAbort', -1, false, 'done'],
  ['CompleteAbort', -1, true, 'INVALID_TXN_STATE'],
  ['CompleteAbort', 0, false, 'PrepareAbort'],
  ['CompleteAbort', 0, true, 'INVALID_TXN_STATE'],
]

/** The same before version 2. */
const ends1: readonly [TransactionState, number, boolean, string][] = [
  ['Empty', 0, false, 'INVALID_TXN_STATE'],
  ['Empty', 0, true, 'INVALID_TXN_STATE'],
  ['Ongoing', 0, true, 'PrepareCommit'],
  ['Ongoing', 0, false, 'PrepareAbort'],
  ['Ongoing', -1, true, 'PRODUCER_FENCED'],
  ['Ongoing', 1, true, 'PRODUCER_FENCED'],
  ['PrepareCommit', 0, true, 'CONCURRENT_TRANSACTIONS'],
  ['PrepareCommit', 0, false, 'INVALID_TXN_STATE'],
  ['PrepareAbort', 0, false, 'CONCURRENT_TRANSACTIONS'],
  ['PrepareAbort', 0, true, 'INVALID_TXN_STATE'],
  ['CompleteCommit', 0, true, 'done'],
  ['CompleteCommit', 0, false, 'INVALID_TXN_STATE'],
  ['CompleteAbort', 0, false, 'done'],
  ['CompleteAbort', 0, true, 'INVALID_TXN_STATE'],
]

describe('EndTxn', () => {
  const tell = (step: ReturnType<typeof stepEnd>) =>
    'refused' in step ? step.refused : 'done' in step ? 'done' : step.end

  test.each(ends2)('version 2: %s, epoch %i, commit %s: %s', (state, offBy, commit, expected) => {
    expect(tell(stepEnd2(at(state), { producerId: 10, epoch: 7 + offBy }, commit))).toBe(expected)
  })

  test.each(ends1)('before: %s, epoch %i, commit %s: %s', (state, offBy, commit, expected) => {
    expect(tell(stepEnd(at(state), { producerId: 10, epoch: 7 + offBy }, commit))).toBe(expected)
  })

  test('of another producer id', () => {
    for (const step of [stepEnd, stepEnd2]) {
      expect(tell(step(at('Ongoing'), { producerId: 11, epoch: 7 }, true))).toBe('INVALID_PRODUCER_ID_MAPPING')
    }
  })

  test('the last epoch of an id: the markers have the highest one, the producer a new id', () => {
    const now = at('Ongoing', 32_766)
    expect(stepEnd2(now, { producerId: 10, epoch: 32_766 }, true)).toEqual({ end: 'PrepareCommit', rotate: true })
    const decided = prepared(now, 'PrepareCommit', { version: 2, nextProducerId: 99, nowMs: 2000 })
    expect(decided).toMatchObject({ producerId: 10, epoch: 32_767, nextProducerId: 99 })
    const done = completed(decided, 3000)
    expect(done).toMatchObject({
      state: 'CompleteCommit',
      producerId: 99,
      previousProducerId: 10,
      epoch: 0,
      nextProducerId: -1,
    })
    expect(tell(stepEnd2(done, { producerId: 10, epoch: 32_766 }, true))).toBe('done')
  })

  test('no fence goes past the highest epoch', () => {
    const decided = prepared(fenced(at('Ongoing', 32_766)), 'PrepareAbort', {
      version: 2,
      nextProducerId: -1,
      nowMs: 1,
    })
    expect(decided.epoch).toBe(32_767)
  })
})

describe('InitProducerId', () => {
  const tell = (now: Transaction, claim?: { producerId: number; epoch: number }) => {
    const step = stepInit(now, claim, 60_000, 2000)
    if ('refused' in step) return step.refused
    if ('next' in step) return step.isAgain ? 'again' : step.next.epoch
    return Object.keys(step)[0]
  }

  test.each(['Empty', 'CompleteCommit', 'CompleteAbort'] as const)('%s: the epoch rises', (state) => {
    expect(tell(at(state))).toBe(8)
    expect(tell(at(state), { producerId: 10, epoch: 7 })).toBe(8)
    expect(tell(at(state), { producerId: 10, epoch: 6 })).toBe('PRODUCER_FENCED')
    expect(tell({ ...at(state), lastEpoch: 6 }, { producerId: 10, epoch: 6 })).toBe('again')
    expect(tell(at(state), { producerId: 11, epoch: 7 })).toBe('PRODUCER_FENCED')
    expect(tell(at(state, 32_766))).toBe('rotate')
    expect(tell(at(state, 32_766), { producerId: 10, epoch: 32_766 })).toBe('rotate')
  })

  test('with a transaction open or ending', () => {
    expect(tell(at('Ongoing'))).toBe('fence')
    expect(tell(at('Ongoing'), { producerId: 10, epoch: 7 })).toBe('fence')
    expect(tell(at('Ongoing'), { producerId: 10, epoch: 6 })).toBe('PRODUCER_FENCED')
    expect(tell(at('PrepareAbort'))).toBe('CONCURRENT_TRANSACTIONS')
  })

  test('a repeated claim after a change of id', () => {
    const rotated = { ...at('Empty', 0), producerId: 99, previousProducerId: 10, lastEpoch: 32_766 }
    expect(tell(rotated, { producerId: 10, epoch: 32_766 })).toBe('again')
  })
})

test('records are read as they were written', () => {
  const id = fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER })
  const transaction = fc.record({
    transactionalId: fc.string({ minLength: 1, unit: 'grapheme' }),
    producerId: id,
    previousProducerId: id,
    nextProducerId: id,
    epoch: fc.integer({ min: -1, max: 32_767 }),
    lastEpoch: fc.constant(-1),
    timeoutMs: fc.nat(),
    state: fc.constantFrom('PrepareCommit' as const, 'PrepareAbort' as const),
    partitions: fc
      .array(fc.tuple(fc.constantFrom('a', 'bé', 'c'), fc.nat({ max: 9 }), fc.nat()))
      .map((all) =>
        all.reduce((map, [topic, partition, end]) => map.set(topic, partition, end), new TopicPartitionMap<number>()),
      ),
    startMs: id,
    updateMs: id,
    version: fc.constantFrom(0 as const, 1 as const, 2 as const),
  })
  fc.assert(
    fc.property(transaction, (given) => {
      expect(decodeTransactionKey(encodeTransactionKey(given.transactionalId))).toBe(given.transactionalId)
      const read = decodeTransaction(given.transactionalId, encodeTransaction(given, true))
      expect({ ...read, partitions: [...read.partitions] }).toEqual({ ...given, partitions: [...given.partitions] })
      const old = decodeTransaction(given.transactionalId, encodeTransaction(given, false))
      expect(old).toMatchObject({ producerId: given.producerId, epoch: given.epoch, state: given.state, version: 0 })
      expect([...old.partitions].map(([place]) => place)).toEqual([...given.partitions].map(([place]) => place))
    }),
  )
})
