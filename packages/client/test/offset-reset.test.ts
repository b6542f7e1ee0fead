import { describe, expect, it } from 'vitest'
import { checkReset, timeOf } from '../src/consumer/offset-reset.ts'

const now = 100 * 86_400_000

describe('a reset by duration', () => {
  it.each([
    ['PT1H', 3_600_000],
    ['PT15M', 900_000],
    ['P2D', 172_800_000],
    ['P2DT3H4M', 183_840_000],
    ['pt20.345s', 20_345],
    ['PT0,5S', 500],
    ['PT0S', 0],
    ['PT+8H-30M', 27_000_000],
    ['-PT-6H', 21_600_000],
    ['+PT6H', 21_600_000],
    ['PT1H-0.5S', 3_599_500],
    ['PT1M0.1239S', 60_123],
  ] as const)('%s is %i ms', (duration, ms) => {
    expect(now - timeOf(`by_duration:${duration}`, now)).toBe(ms)
  })

  it.each(['', 'P', 'PT', 'P1DT', '1H', 'P1H', 'PT1.5H', 'PT1H2H', '-PT1H', 'PT-1H', 'PT-0.5S', 'PT1S '])(
    'by_duration:%s is refused',
    (duration) => {
      const policy = `by_duration:${duration}` as const
      expect(() => checkReset(policy)).toThrow('autoOffsetReset')
    },
  )

  it('begins no earlier than time itself', () => {
    expect(timeOf('by_duration:P30000D', now)).toBe(0)
  })
})
