import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RecentBatches } from '../src/recent-batches.ts'

interface Batch {
  readonly sequence: number
  readonly offset: number
  readonly delta: number
}

/** Few of each, so that batches are alike; offsets go beyond 31 bits. */
const batch = fc.record({
  sequence: fc.integer({ min: -1, max: 6 }),
  offset: fc.nat({ max: 2 ** 40 }),
  delta: fc.nat({ max: 2 }),
})
const step = fc.oneof({ weight: 9, arbitrary: batch }, { weight: 1, arbitrary: fc.constant('clear' as const) })

test('the last five batches are what a list of them says', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const recent = new RecentBatches()
      let list: Batch[] = []
      for (const each of steps) {
        if (each === 'clear') {
          recent.clear()
          list = []
        } else {
          recent.add(each.sequence, each.offset, each.delta)
          list = [...list, each].slice(-5)
        }
        expect([recent.count, recent.lastSequence, recent.lastOffset, recent.lastOffsetDelta]).toEqual([
          list.length,
          list.at(-1)?.sequence ?? -1,
          list.at(-1)?.offset ?? -1,
          list.at(-1)?.delta ?? 0,
        ])
        for (let sequence = -1; sequence <= 6; sequence++) {
          for (let delta = 0; delta <= 2; delta++) {
            const alike = list.filter((known) => known.sequence === sequence && known.delta === delta)
            const found = recent.find(sequence, delta)
            if (alike.length === 0) expect(found).toBeUndefined()
            else expect(alike.map(({ offset }) => offset)).toContain(found)
          }
        }
      }
    }),
  )
})
