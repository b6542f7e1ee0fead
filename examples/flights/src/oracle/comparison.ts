import type { AirportHour, RouteDay } from '../topology.ts'
import type { Expected } from './flights-oracle.ts'

/** How a result differs from what it must be. */
export interface Difference {
  readonly rows: number
  /** Rows that must be there and are not. */
  missing: number
  /** Rows that must not be there. */
  unexpected: number
  /** Rows whose count is below the true one: something was lost. */
  below: number
  /** Rows whose count is above the true one: something was counted twice, which at-least-once allows after a kill. */
  above: number
  /** Flights counted more than once, over all rows. */
  countedTwice: number
  /** Rows with the right count and another wrong field. */
  wrong: number
  /** The first few, for people. */
  readonly examples: string[]
}

/** `hour` and `day` as ISO 8601. The last row of a key counts, so give rows in the order they were written. */
export function compareAirportHours(rows: Iterable<AirportHour>, expected: Expected): Difference {
  const last = new Map<string, AirportHour>()
  for (const row of rows) last.set(`${row.origin} ${row.hour}`, row)
  return compare(last, expected.airportHours, (row, sum) => {
    const airport = expected.airports.get(row.origin)
    return (
      row.meanDelay === sum.delaySum / sum.flights &&
      row.maxDelay === sum.maxDelay &&
      row.shareLate === sum.late / sum.flights &&
      row.name === (airport?.name ?? null) &&
      row.city === (airport?.city ?? null)
    )
  })
}

export function compareRouteDays(rows: Iterable<RouteDay>, expected: Expected): Difference {
  const last = new Map<string, RouteDay>()
  for (const row of rows) last.set(`${row.origin}~${row.destination} ${row.day}`, row)
  return compare(last, expected.routeDays, (row, sum) => row.meanDelay === sum.delaySum / sum.flights)
}

function compare<R extends { readonly flights: number }, S extends { readonly flights: number }>(
  rows: ReadonlyMap<string, R>,
  sums: ReadonlyMap<string, S>,
  sameFields: (row: R, sum: S) => boolean,
): Difference {
  const found: Difference = {
    rows: rows.size,
    missing: 0,
    unexpected: 0,
    below: 0,
    above: 0,
    countedTwice: 0,
    wrong: 0,
    examples: [],
  }
  const example = (kind: string, key: string, row: R | undefined, sum: S | undefined): void => {
    if (found.examples.length < 5)
      found.examples.push(`${kind} ${key}: ${JSON.stringify(row)} for ${JSON.stringify(sum)}`)
  }
  for (const [key, sum] of sums) {
    const row = rows.get(key)
    if (row === undefined) {
      found.missing++
      example('missing', key, row, sum)
    } else if (row.flights < sum.flights) {
      found.below++
      example('below', key, row, sum)
    } else if (row.flights > sum.flights) {
      found.above++
      found.countedTwice += row.flights - sum.flights
    } else if (!sameFields(row, sum)) {
      found.wrong++
      example('wrong', key, row, sum)
    }
  }
  for (const [key, row] of rows) {
    if (sums.has(key)) continue
    found.unexpected++
    example('unexpected', key, row, undefined)
  }
  return found
}
