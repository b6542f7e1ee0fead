import fs from 'node:fs'
import readline from 'node:readline'
import pg from 'pg'
import type { AirportHour, RouteDay } from '../topology.ts'
import { compareAirportHours, compareRouteDays, type Difference } from './comparison.ts'
import type { Expected } from './flights-oracle.ts'

/** Both results in both places, held against the expected one. */
export interface Verification {
  readonly 'airport-hours.jsonl': Difference
  readonly 'route-days.jsonl': Difference
  readonly 'postgres airport_hours': Difference
  readonly 'postgres route_days': Difference
}

/** @param out the folder of the JSON Lines. @param url of the PostgreSQL that the job wrote to. */
export async function verify(out: string, url: string, expected: Expected): Promise<Verification> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const hours = await client.query<object>('select * from airport_hours')
    const days = await client.query<object>('select * from route_days')
    return {
      'airport-hours.jsonl': compareAirportHours(await lines(`${out}/airport-hours.jsonl`, isAirportHour), expected),
      'route-days.jsonl': compareRouteDays(await lines(`${out}/route-days.jsonl`, isRouteDay), expected),
      'postgres airport_hours': compareAirportHours(hours.rows.map(hourOfColumns), expected),
      'postgres route_days': compareRouteDays(days.rows.map(dayOfColumns), expected),
    }
  } finally {
    await client.end()
  }
}

async function lines<T>(file: string, is: (value: unknown) => value is T): Promise<T[]> {
  const rows: T[] = []
  for await (const line of readline.createInterface({
    input: fs.createReadStream(file),
    crlfDelay: Number.POSITIVE_INFINITY,
  })) {
    const value: unknown = JSON.parse(line)
    if (!is(value)) throw new Error(`${file} holds a line of another shape: ${line}`)
    rows.push(value)
  }
  return rows
}

function isAirportHour(value: unknown): value is AirportHour {
  return typeof value === 'object' && value !== null && 'origin' in value && 'hour' in value && 'shareLate' in value
}

function isRouteDay(value: unknown): value is RouteDay {
  return typeof value === 'object' && value !== null && 'origin' in value && 'destination' in value && 'day' in value
}

function hourOfColumns(columns: object): AirportHour {
  const row = named(columns)
  return {
    origin: String(row['origin']),
    hour: iso(row['hour']),
    flights: Number(row['flights']),
    meanDelay: Number(row['mean_delay']),
    maxDelay: Number(row['max_delay']),
    shareLate: Number(row['share_late']),
    name: textOrNull(row['name']),
    city: textOrNull(row['city']),
  }
}

function dayOfColumns(columns: object): RouteDay {
  const row = named(columns)
  return {
    origin: String(row['origin']),
    destination: String(row['destination']),
    day: iso(row['day']),
    flights: Number(row['flights']),
    meanDelay: Number(row['mean_delay']),
  }
}

function named(columns: object): Record<string, unknown> {
  return { ...columns }
}

function iso(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  throw new Error(`not a time: ${String(value)}`)
}

function textOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : String(value)
}
