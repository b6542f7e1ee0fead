import { describe, expect, it } from 'vitest'
import { timestampReader } from '../src/timestamp-text.ts'

describe('times', () => {
  const table: readonly [string, unknown, number | undefined][] = [
    ['iso', '2001-02-03', Date.UTC(2001, 1, 3)],
    ['iso', '2001-02-03 04:05', Date.UTC(2001, 1, 3, 4, 5)],
    ['iso', '2001-02-03T04:05:06,7', Date.UTC(2001, 1, 3, 4, 5, 6, 700)],
    ['iso', '2001-02-03T04:05:06+02:00', Date.UTC(2001, 1, 3, 2, 5, 6)],
    ['iso', '2001-02-03T04:05:06Z', Date.UTC(2001, 1, 3, 4, 5, 6)],
    ['iso', 'today', undefined],
    ['iso', '1', undefined],
    ['iso', '2001-13-01', undefined],
    ['epoch-ms', '1234', 1234],
    ['epoch-ms', 12n, 12],
    ['epoch-ms', '', undefined],
    ['epoch-ms', 'x', undefined],
    ['epoch-s', 1.5, 1500],
    ['yyyy-MM-dd HH:mm:ss', '2001-02-03 04:05:06', Date.UTC(2001, 1, 3, 4, 5, 6)],
    ['dd.MM.yyyy', '03.02.2001', Date.UTC(2001, 1, 3)],
    ['dd.MM.yyyy', '30.02.2001', undefined],
    ['dd.MM.yyyy', '03-02-2001', undefined],
    ['yyyyMMddHHmmssSSS', '20010203040506789', Date.UTC(2001, 1, 3, 4, 5, 6, 789)],
    ['yyyy HH', '2001 24', undefined],
  ]
  it.each(table)('%s reads %s as %s', (format, value, expected) =>
    expect(timestampReader(format)(value)).toBe(expected),
  )
})
