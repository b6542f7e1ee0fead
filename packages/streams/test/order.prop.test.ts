import { defineTopology, long, string, topic } from '@millrace/streams'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { alone } from './lone-task.ts'

const names = ['a', 'b', 'c'] as const
const out = topic('out', { key: string(), value: long() })

const merged = defineTopology('merged', ({ stream }) => {
  const [a, b, c] = names.map((name) => stream(topic(name, { key: string(), value: long() })))
  a?.merge(b!).merge(c!).to(out)
})

type Step =
  | { readonly kind: 'add'; readonly topic: (typeof names)[number]; readonly times: readonly number[] }
  | { readonly kind: 'process'; readonly records: number }
  | { readonly kind: 'lag'; readonly topic: (typeof names)[number]; readonly lag: number | undefined }

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('add' as const),
      topic: fc.constantFrom(...names),
      times: fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 6 }),
    }),
    fc.record({ kind: fc.constant('process' as const), records: fc.nat({ max: 8 }) }),
    fc.record({
      kind: fc.constant('lag' as const),
      topic: fc.constantFrom(...names),
      lag: fc.constantFrom(0, 0, 0, 1, undefined),
    }),
  ),
  { maxLength: 40 },
)

test('records come in offset order, inputs in timestamp order among what is buffered, waiting by known lag', () => {
  fc.assert(
    fc.property(steps, (given) => {
      const { task, written, add } = alone(merged)
      const heads = new Map<string, number[]>(names.map((name) => [name, []]))
      const lags = new Map<string, number | undefined>()
      const expected: number[] = []
      for (const step of given) {
        if (step.kind === 'add') {
          add(step.topic, step.times)
          heads.get(step.topic)?.push(...step.times)
        } else if (step.kind === 'lag') {
          task.lag(step.topic, 0, step.lag)
          lags.set(step.topic, step.lag)
        } else {
          const done = task.process(step.records)
          let possible = 0
          for (; possible < step.records; possible++) {
            const full = names.filter((name) => heads.get(name)!.length > 0)
            const waits = names.some((name) => heads.get(name)!.length === 0 && lags.get(name) !== 0)
            if (full.length === 0 || waits) break
            const next = full.reduce((best, name) => (heads.get(name)![0]! < heads.get(best)![0]! ? name : best))
            expected.push(heads.get(next)!.shift()!)
          }
          expect(done).toBe(possible)
        }
      }
      expect(written.timesOf('out')).toEqual(expected)
    }),
    { numRuns: 500 },
  )
})
