import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type Bid, windowMs } from './bid.ts'
import { type Digest, digestOf } from './digest.ts'

/** What a query must come to: takes every bid, then tells its canonical lines. */
interface Answer {
  add(bid: Bid): void
  lines(): string[]
}

const answers: Readonly<Record<string, () => Answer>> = {
  q0: () => perBid((b) => `${b.auction}|${b.bidder}|${b.price}|${b.channel}|${b.url}|${b.dateTime}|${b.extra}`),
  q1: () => perBid((b) => `${b.auction}|${b.bidder}|${b.price * 908}|${b.dateTime}|${b.extra}`),
  q2: () => perBid((b) => (b.auction % 123 === 0 ? `${b.auction}|${b.price}` : undefined)),
  q7: highestPerWindow,
  q12: countsPerBidder,
}

/** The results of these queries by plain loops over the files: no topic, no store, no JSON code of ours. */
export async function expectedDigests(directory: string, names: readonly string[]): Promise<Record<string, Digest>> {
  const wanted = names.map((name) => {
    const make = answers[name]
    if (make === undefined) throw new RangeError(`nothing is known of the result of ${name}`)
    return { name, answer: make() }
  })
  for await (const line of createInterface({ input: createReadStream(join(directory, 'bid.ndjson')) })) {
    if (line === '') continue
    const bid: Bid = JSON.parse(line)
    for (const { answer } of wanted) answer.add(bid)
  }
  return Object.fromEntries(wanted.map(({ name, answer }) => [name, digestOf(answer.lines())]))
}

function perBid(line: (bid: Bid) => string | undefined): Answer {
  const lines: string[] = []
  return {
    add(bid) {
      const text = line(bid)
      if (text !== undefined) lines.push(text)
    },
    lines: () => lines,
  }
}

function windowStart(bid: Bid): number {
  return Math.floor(bid.dateTime / windowMs) * windowMs
}

function highestPerWindow(): Answer {
  const best = new Map<number, Bid>()
  return {
    add(bid) {
      const start = windowStart(bid)
      const before = best.get(start)
      if (before === undefined || beats(bid, before)) best.set(start, bid)
    },
    lines: () => [...best].map(([start, b]) => `${start}|${b.price}|${b.dateTime}|${b.auction}|${b.bidder}`),
  }
}

function beats(a: Bid, b: Bid): boolean {
  if (a.price !== b.price) return a.price > b.price
  if (a.dateTime !== b.dateTime) return a.dateTime < b.dateTime
  return a.auction === b.auction ? a.bidder < b.bidder : a.auction < b.auction
}

function countsPerBidder(): Answer {
  const counts = new Map<string, number>()
  return {
    add(bid) {
      const key = `${bid.bidder}|${windowStart(bid)}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    },
    lines: () => [...counts].map(([key, count]) => `${key}|${count}`),
  }
}
