import fs from 'node:fs'
import { asyncBufferFromFile, parquetMetadataAsync, parquetRead } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { flightFiles } from '../flight-files.ts'

/** What the job must have found for one airport in one hour. */
export interface AirportHour {
  flights: number
  delaySum: number
  maxDelay: number
  late: number
}

/** What the job must have found for one route on one day. */
export interface RouteDay {
  flights: number
  delaySum: number
}

export interface Expected {
  /** By `ATL 2001-01-01T00:00:00.000Z`. */
  readonly airportHours: Map<string, AirportHour>
  /** By `ATL~ORD 2001-01-01T00:00:00.000Z`. */
  readonly routeDays: Map<string, RouteDay>
  readonly airports: Map<string, { readonly name: string; readonly city: string }>
  readonly flights: number
}

const hourMs = 3_600_000
const dayMs = 24 * hourMs

/** The same question answered by plain loops over the same files; no stream, no topic, no store. */
export async function expectedResult(limit = Number.POSITIVE_INFINITY): Promise<Expected> {
  const { flights: parquet, airports: csv } = flightFiles()
  const airportHours = new Map<string, AirportHour>()
  const routeDays = new Map<string, RouteDay>()
  const file = await asyncBufferFromFile(parquet)
  const metadata = await parquetMetadataAsync(file)
  const columns = ['date', 'delay', 'origin', 'destination']
  let rowStart = 0
  let flights = 0
  for (const group of metadata.row_groups) {
    const rowEnd = Math.min(rowStart + Number(group.num_rows), limit)
    if (rowEnd <= rowStart) break
    const onComplete = (rows: unknown[][]): void => {
      for (const [date, delay, origin, destination] of rows) {
        if (!(date instanceof Date)) throw new Error(`a flight without a date: ${String(date)}`)
        addFlight(airportHours, routeDays, date.getTime(), Number(delay), String(origin), String(destination))
        flights++
      }
    }
    await parquetRead({ file, metadata, compressors, columns, rowStart, rowEnd, onComplete })
    rowStart = rowEnd
  }
  return { airportHours, routeDays, airports: readAirports(csv), flights }
}

function addFlight(
  hours: Map<string, AirportHour>,
  days: Map<string, RouteDay>,
  time: number,
  delay: number,
  origin: string,
  destination: string,
): void {
  const hourKey = `${origin} ${new Date(Math.floor(time / hourMs) * hourMs).toISOString()}`
  const hour = hours.get(hourKey) ?? { flights: 0, delaySum: 0, maxDelay: Number.NEGATIVE_INFINITY, late: 0 }
  hour.flights++
  hour.delaySum += delay
  hour.maxDelay = Math.max(hour.maxDelay, delay)
  if (delay > 15) hour.late++
  hours.set(hourKey, hour)
  const dayKey = `${origin}~${destination} ${new Date(Math.floor(time / dayMs) * dayMs).toISOString()}`
  const day = days.get(dayKey) ?? { flights: 0, delaySum: 0 }
  day.flights++
  day.delaySum += delay
  days.set(dayKey, day)
}

/** Lines of `iata,name,city,…`; a field in quotes may hold commas. */
function readAirports(csv: string): Map<string, { name: string; city: string }> {
  const airports = new Map<string, { name: string; city: string }>()
  const [, ...lines] = fs.readFileSync(csv, 'utf8').split(/\r?\n/)
  for (const line of lines) {
    if (line === '') continue
    const fields = [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(
      ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
    )
    airports.set(fields[0] ?? '', { name: fields[1] ?? '', city: fields[2] ?? '' })
  }
  return airports
}
