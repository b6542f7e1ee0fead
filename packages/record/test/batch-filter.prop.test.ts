import { Buffer } from 'node:buffer'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  BatchFilter,
  baseOffset,
  baseSequence,
  baseTimestamp,
  buildMarker,
  type CodecName,
  codecOf,
  emptied,
  hasDeleteHorizon,
  isControl,
  isTransactional,
  lastOffset,
  maxTimestamp,
  openBatch,
  producerEpoch,
  producerId,
  readControl,
  recordCount,
  stampBaseOffset,
  stampLogAppendTime,
  stampProducer,
  type ValidBatch,
} from '../src/internal.ts'
import { buildBatch, recordsToWrite, walk } from './plain-records.ts'

const horizonMs = 1_700_000_086_400

function reopened(batch: ValidBatch): ValidBatch {
  const bytes = Buffer.from(batch)
  return openBatch(bytes, 0, bytes.length, { source: 'test', position: 0 })
}

function headerOf(batch: ValidBatch) {
  return {
    base: baseOffset(batch),
    last: lastOffset(batch),
    sequence: baseSequence(batch),
    producer: producerId(batch),
    epoch: producerEpoch(batch),
    transactional: isTransactional(batch),
    control: isControl(batch),
  }
}

const codecs = fc.constantFrom<CodecName>('none', 'gzip', 'snappy', 'lz4', 'zstd')
const filter = new BatchFilter()

test('what is kept is what was there, under the same offsets and the same header', () => {
  fc.assert(
    fc.property(
      recordsToWrite,
      codecs,
      fc.infiniteStream(fc.boolean()),
      fc.boolean(),
      (records, codec, dice, byLog) => {
        const batch = buildBatch(records, codec)
        stampBaseOffset(batch, 77 as ReturnType<typeof baseOffset>)
        stampProducer(batch, 5, 1, 9)
        if (byLog) stampLogAppendTime(batch, 1_700_000_000_000)
        const before = walk(batch)
        const kept = before.filter(() => dice.next().value)
        const offsets = new Set(kept.map((record) => record.offset))
        const filtered = filter.filter(batch, { keep: (record) => offsets.has(record.offset), horizonMs })
        expect(walk(batch)).toEqual(before)
        if (kept.length === 0) {
          expect(filtered).toBeUndefined()
          return
        }
        const tombstones = kept.some((record) => record.value === null)
        if (kept.length === before.length && !tombstones) expect(filtered).toBe(batch)
        const again = reopened(filtered!)
        expect(walk(again)).toEqual(kept)
        expect(headerOf(again)).toEqual(headerOf(batch))
        expect(codecOf(again)).toBe(codec)
        expect(hasDeleteHorizon(again)).toBe(tombstones)
        if (tombstones) expect(baseTimestamp(again)).toBe(horizonMs)
        expect(maxTimestamp(again)).toBe(Math.max(...kept.map((record) => record.timestampMs)))
        // A horizon that is set stays as it is.
        const second = filter.filter(again, { keep: () => true, horizonMs: horizonMs + 1 })
        expect(second).toBe(again)
      },
    ),
    { numRuns: 400 },
  )
})

test('a batch without records keeps its place and its sequences', () => {
  const batch = buildBatch(fc.sample(recordsToWrite, { numRuns: 1, seed: 3 })[0]!, 'zstd')
  stampProducer(batch, 5, 1, 9)
  const empty = reopened(emptied(batch))
  expect(empty.length).toBe(61)
  expect(recordCount(empty)).toBe(0)
  expect(walk(empty)).toEqual([])
  expect(headerOf(empty)).toEqual(headerOf(batch))
  expect(maxTimestamp(empty)).toBe(maxTimestamp(batch))
  expect(emptied(empty)).toBe(empty)
  expect(filter.filter(empty, { keep: () => true, horizonMs })).toBeUndefined()
})

test('a marker gets a horizon once its data is gone; without its record it ends nothing', () => {
  const marker = buildMarker(
    { type: 'abort', coordinatorEpoch: 3 },
    { timestampMs: 1_600_000_000_000, producerId: 8, producerEpoch: 2 },
  )
  expect(filter.filter(marker, { keep: () => true, horizonMs })).toBe(marker)
  const done = reopened(filter.filter(marker, { keep: () => true, horizonMs, markerIsDone: true })!)
  expect(baseTimestamp(done)).toBe(horizonMs)
  expect(readControl(done)).toEqual({ type: 'abort', coordinatorEpoch: 3 })
  expect(walk(done)).toEqual(walk(marker))
  expect(readControl(reopened(emptied(done)))).toBeUndefined()
})
