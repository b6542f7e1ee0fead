import { defineTopology, json, number, string, topic, tumbling } from '@millrace/streams'

export interface Flight {
  readonly delay: number
  readonly origin: string
  readonly destination: string
}

export interface Airport {
  readonly name: string
  readonly city: string
}

/** A row of `airport-hours`. */
export interface AirportHour {
  readonly origin: string
  /** Start of the hour, UTC, ISO 8601. */
  readonly hour: string
  readonly flights: number
  readonly meanDelay: number
  readonly maxDelay: number
  /** Of flights delayed by more than 15 minutes. */
  readonly shareLate: number
  readonly name: string | null
  readonly city: string | null
}

/** A row of `route-days`. */
export interface RouteDay {
  readonly origin: string
  readonly destination: string
  /** Start of the day, UTC, ISO 8601. */
  readonly day: string
  readonly flights: number
  readonly meanDelay: number
}

interface Departure {
  readonly delay: number
  readonly name: string | null
  readonly city: string | null
}

interface HourSum {
  readonly name: string | null
  readonly city: string | null
  readonly flights: number
  readonly delaySum: number
  readonly maxDelay: number
  readonly late: number
}

interface DaySum {
  readonly flights: number
  readonly delaySum: number
}

/** A flight this many minutes behind its plan counts as late. */
const lateMinutes = 15

export const topics = {
  flights: topic('flights', { key: string(), value: json<Flight>() }),
  airports: topic('airports', { key: string(), value: json<Airport>() }),
  airportHours: topic('airport-hours', { key: string(), value: json<AirportHour>() }),
  routeDays: topic('route-days', { key: string(), value: json<RouteDay>() }),
}

/**
 * Two questions to one stream of flights: how each airport does by the hour, and each route by the day.
 *
 * The grace covers the whole input. Days of a route go through a repartition topic, whose partitions run apart while
 * the application catches
 * up; and after a crash the source repeats the flights of its last moments, weeks of event time, which are counted
 * again rather than dropped.
 */
export default defineTopology('flights', ({ stream, table }) => {
  const flights = stream(topics.flights)
  const airports = table(topics.airports, { store: 'airports' })

  flights
    .leftJoin(airports, ({ delay }, airport): Departure => {
      return { delay, name: airport?.name ?? null, city: airport?.city ?? null }
    })
    .groupByKey({ value: json<Departure>() })
    .windowedBy(tumbling({ hours: 1 }).grace({ days: 399 }))
    .aggregate(noDepartures, addDeparture, { store: 'hours', value: json<HourSum>(), retention: { days: 400 } })
    .toStream()
    .map(
      (sum, window): [string, AirportHour] => {
        if (window === null) throw new Error('an aggregate without a key')
        const { flights: count, delaySum, maxDelay, late, name, city } = sum
        const hour = new Date(window.start).toISOString()
        const [meanDelay, shareLate] = [delaySum / count, late / count]
        const row = { origin: window.key, hour, flights: count, meanDelay, maxDelay, shareLate, name, city }
        return [`${window.key}~${hour}`, row]
      },
      { key: string(), value: json<AirportHour>() },
    )
    .to(topics.airportHours)

  flights
    .map(({ origin, destination, delay }): [string, number] => [`${origin}~${destination}`, delay], {
      key: string(),
      value: number(),
    })
    .groupByKey()
    .windowedBy(tumbling({ days: 1 }).grace({ days: 400 }))
    .aggregate(noFlights, addFlight, { store: 'routes', value: json<DaySum>(), retention: { days: 401 } })
    .toStream()
    .map(
      (sum, window): [string, RouteDay] => {
        if (window === null) throw new Error('an aggregate without a key')
        const [origin = '', destination = ''] = window.key.split('~')
        const day = new Date(window.start).toISOString()
        const row = { origin, destination, day, flights: sum.flights, meanDelay: sum.delaySum / sum.flights }
        return [`${window.key}~${day}`, row]
      },
      { key: string(), value: json<RouteDay>() },
    )
    .to(topics.routeDays)
})

function noDepartures(): HourSum {
  return { flights: 0, delaySum: 0, maxDelay: Number.MIN_SAFE_INTEGER, late: 0, name: null, city: null }
}

function addDeparture(sum: HourSum, { delay, name, city }: Departure): HourSum {
  return {
    flights: sum.flights + 1,
    delaySum: sum.delaySum + delay,
    maxDelay: Math.max(sum.maxDelay, delay),
    late: sum.late + (delay > lateMinutes ? 1 : 0),
    name,
    city,
  }
}

function noFlights(): DaySum {
  return { flights: 0, delaySum: 0 }
}

function addFlight(sum: DaySum, delay: number): DaySum {
  return { flights: sum.flights + 1, delaySum: sum.delaySum + delay }
}
