import { offset } from '@millrace/kernel'
import { buildMarker, openBatches, stampBaseOffset, stampLeaderEpoch } from '@millrace/record/internal'
import { expect, test } from 'vitest'
import { ProducerStates } from '../src/producer-states.ts'
import { decodeAborted, encodeAborted } from '../src/transaction-index.ts'

/** Written by Apache Kafka 4.3.0: TransactionIndex.append, ProducerStateManager.takeSnapshot, MemoryRecords. */
const golden = {
  txnindex:
    '00000000000000000007000000000000005a00000000000000690000000000000065' +
    '000000000001000000050000000000000065000000000000008c000000000000008d',
  snapshot:
    '000123e2733f00000002' +
    '00000001000000050009ffffffffffffffffffffffff000000000000018bcfe569c80000000cffffffffffffffff' +
    '00000000000000070003000000290000000000000098000000020000018bcfe5687b0000000c0000000000000096',
  abort:
    '000000000000009900000042000000050238f530250030000000000000018bcfe56b150000018bcfe56b15' +
    '00000000000000070003ffffffff000000012000000008000000000c00000000000c00',
  commit:
    '0000000000000099000000420000000502cccbe66d0030000000000000018bcfe56b150000018bcfe56b15' +
    '00000000000000070003ffffffff000000012000000008000000010c00000000000c00',
}

test('a transaction index has the bytes of Apache Kafka', () => {
  const entries = [
    { producerId: 7, firstOffset: offset(90), lastOffset: offset(105), lastStable: offset(101) },
    { producerId: 4294967301, firstOffset: offset(101), lastOffset: offset(140), lastStable: offset(141) },
  ]
  expect(encodeAborted(entries).toString('hex')).toBe(golden.txnindex)
  expect(decodeAborted(Buffer.from(golden.txnindex, 'hex'))).toEqual(entries)
})

test('a producer snapshot has the bytes of Apache Kafka', () => {
  const states = new ProducerStates()
  states.decode(Buffer.from(golden.snapshot, 'hex'), 'golden')
  expect(states.list()).toEqual([
    {
      producerId: 4294967301,
      producerEpoch: 9,
      lastSequence: -1,
      lastOffset: -1,
      lastTimestampMs: 1700000000456,
      coordinatorEpoch: 12,
      transactionFirst: undefined,
    },
    {
      producerId: 7,
      producerEpoch: 3,
      lastSequence: 41,
      lastOffset: 152,
      lastTimestampMs: 1700000000123,
      coordinatorEpoch: 12,
      transactionFirst: 150,
    },
  ])
  expect(states.firstOpen).toBe(150)
  expect(states.encode().toString('hex')).toBe(golden.snapshot)
})

test.each(['abort', 'commit'] as const)('a marker of type %s has the bytes of Apache Kafka', (type) => {
  const from = { timestampMs: 1700000000789, producerId: 7, producerEpoch: 3 }
  const marker = buildMarker({ type, coordinatorEpoch: 12 }, from)
  stampBaseOffset(marker, offset(153))
  stampLeaderEpoch(marker, 5)
  expect(marker.toString('hex')).toBe(golden[type])
  expect(openBatches(Buffer.from(golden[type], 'hex'), { source: 'golden', position: 0 }).length).toBe(1)
})
