import path from 'node:path'
import { parseArgs } from 'node:util'
import type { Processing } from 'millrace'

/** What `npm start -- …` understands. */
export interface FlightsOptions {
  /** End when everything is written, instead of staying up. */
  readonly once: boolean
  /** Take the first so many flights. */
  readonly limit: number
  /** What a crash may do to the results. */
  readonly processing: Processing
  /** State, topics and PostgreSQL. */
  readonly data: string
  /** Brokers to run on, instead of an engine in this process. */
  readonly bootstrap: readonly string[] | undefined
  /** The JSON Lines. */
  readonly out: string
  /** Of the HTTP queries; 0 is any free one. */
  readonly port: number
}

export const usage = `npm start -- [options]
  --once        end when everything is written (default: stay up and follow new records)
  --limit N     take the first N flights (default: all 3,000,000)
  --processing exactly-once | at-least-once: whether a crash may count a flight twice (default: exactly-once)
  --data DIR    where topics, state and PostgreSQL's data lie (default: examples/flights/data)
  --bootstrap HOST:PORT[,...]  run on a millrace server or an Apache Kafka cluster (default: an engine in this process)
  --out DIR     where airport-hours.jsonl and route-days.jsonl go (default: examples/flights/out)
  --port N      port of the queries (default: 0, any free one)`

const totalFlights = 3_000_000

/** @throws an error that names the option, its value and what it may be. */
export function readOptions(args: readonly string[], home: string): FlightsOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      once: { type: 'boolean', default: false },
      limit: { type: 'string', default: String(totalFlights) },
      processing: { type: 'string', default: 'exactly-once' },
      data: { type: 'string', default: path.join(home, 'data') },
      bootstrap: { type: 'string' },
      out: { type: 'string', default: path.join(home, 'out') },
      port: { type: 'string', default: '0' },
    },
  })
  return {
    once: values.once,
    limit: wholeNumber('--limit', values.limit, 1, totalFlights),
    processing: processingOf(values.processing),
    data: path.resolve(values.data),
    bootstrap: values.bootstrap?.split(','),
    out: path.resolve(values.out),
    port: wholeNumber('--port', values.port, 0, 65_535),
  }
}

function processingOf(text: string): Processing {
  if (text === 'exactly-once' || text === 'at-least-once') return text
  throw new Error(`--processing must be exactly-once or at-least-once, got "${text}"`)
}

function wholeNumber(option: string, text: string, from: number, to: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= from && value <= to) return value
  throw new Error(`${option} must be a whole number from ${from} to ${to}, got "${text}"`)
}
