import { expect, test } from 'vitest'
import { median, runBenchmark } from '../src/benchmark.ts'
import { figureOf } from '../src/figure.ts'
import { circumstances, reportTables } from '../src/report.ts'

test('contenders take turns, and warm-up rounds do not count', async () => {
  const order: string[] = []
  const contender = (name: string) => ({ name, run: () => void order.push(name) })
  const results = await runBenchmark(
    { name: 'nothing', unit: 'things', unitsPerRun: 10, contenders: async () => [contender('a'), contender('b')] },
    { rounds: 2, roundMs: 0 },
  )
  expect(order.join('')).toBe('ab'.repeat(5))
  expect(results.map(({ contender: name, rounds }) => [name, rounds])).toEqual([
    ['a', 2],
    ['b', 2],
  ])
  for (const { slowest, perSecond, fastest } of results) {
    expect(slowest).toBeGreaterThan(0)
    expect(perSecond >= slowest && perSecond <= fastest).toBe(true)
  }
  const table = reportTables({ suite: 'x', ...circumstances('npm run bench'), results, figures: [] })
  expect(table).toContain('| nothing | a |')
  expect(table).toContain('× this |')
})

test('the median is the middle one, or the mean of the middle two', () => {
  expect(median([5, 1, 3])).toBe(3)
  expect(median([4, 1, 3, 2])).toBe(2.5)
})

test('a figure tells its median and its range', () => {
  const figures = [figureOf('start', 'x', 'ms', [30, 10, 20])]
  const table = reportTables({ suite: 'x', ...circumstances('npm run bench'), results: [], figures })
  expect(table).toContain('| start | x | 20.0 ms | 10.0 to 30.0 |')
})
