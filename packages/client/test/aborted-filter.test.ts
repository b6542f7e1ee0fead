import { offset } from '@millrace/kernel'
import { BatchBuilder, buildMarker, stampBaseOffset, type ValidBatch } from '@millrace/record/internal'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { AbortedFilter, type AbortedTransaction } from '../src/consumer/aborted-filter.ts'

const nothing = { write: () => {} }

function data(at: number, producerId: number, transactional: boolean): ValidBatch {
  const builder = new BatchBuilder()
  builder.append(0, null, nothing, null, nothing, null)
  const batch = builder.build({ producerId, producerEpoch: 0, baseSequence: 0, transactional })
  stampBaseOffset(batch, offset(at))
  return batch
}

function marker(at: number, producerId: number, type: 'abort' | 'commit'): ValidBatch {
  const batch = buildMarker({ type, coordinatorEpoch: 0 }, { timestampMs: 0, producerId, producerEpoch: 0 })
  stampBaseOffset(batch, offset(at))
  return batch
}

describe('aborted filter', () => {
  it('hides every aborted record of two transactions of one producer in one answer', () => {
    const filter = new AbortedFilter([
      { producerId: 1, firstOffset: 0 },
      { producerId: 1, firstOffset: 3 },
    ])
    const log = [data(0, 1, true), marker(1, 1, 'abort'), data(2, 2, false), data(3, 1, true), marker(4, 1, 'abort')]
    expect(log.map((batch) => filter.hides(batch))).toEqual([true, true, false, true, true])
  })

  it('hides aborted records whose marker has not been fetched', () => {
    const filter = new AbortedFilter([{ producerId: 1, firstOffset: 0 }])
    expect([data(0, 1, true), data(1, 1, true)].map((batch) => filter.hides(batch))).toEqual([true, true])
  })

  it('agrees with a reader that knows how each transaction ended', () => {
    const step = fc.record({
      producer: fc.integer({ min: 1, max: 3 }),
      act: fc.constantFrom('data', 'plain', 'abort', 'commit'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const open = new Map<number, number[]>()
        const hidden = new Set<number>()
        const aborted: AbortedTransaction[] = []
        const log = steps.map(({ producer, act }, at) => {
          if (act === 'plain') return data(at, -1, false)
          const mine = open.get(producer) ?? []
          open.set(producer, mine)
          if (act === 'data') {
            mine.push(at)
            return data(at, producer, true)
          }
          if (act === 'abort' && mine.length > 0) {
            aborted.push({ producerId: producer, firstOffset: mine[0]! })
            for (const each of mine) hidden.add(each)
          }
          open.set(producer, [])
          hidden.add(at)
          return marker(at, producer, act)
        })
        const filter = new AbortedFilter(aborted)
        const seen = log.map((batch) => filter.hides(batch))
        expect(seen).toEqual(log.map((_, at) => hidden.has(at)))
      }),
    )
  })
})
