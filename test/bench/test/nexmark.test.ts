import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { digestOf } from '../dist/nexmark/digest.js'
import { type NexmarkRun, runNexmark } from '../dist/nexmark/nexmark-run.js'

const startMs = Date.UTC(2026, 0, 1)

/** Bids over 30 s of event time, prices and bidders that repeat. */
function bidLine(n: number): string {
  const [auction, bidder, price] = [1000 + ((n * 37) % 500), 2000 + ((n * 101) % 90), 100 + ((n * 7919) % 5000)]
  return JSON.stringify({
    auction,
    bidder,
    price,
    channel: 'Apple',
    url: `https://example.org/${n}`,
    dateTime: startMs + n * 10,
    extra: 'x'.repeat(n % 50),
  })
}

test('every query comes to what plain loops over the file come to', async () => {
  const input = mkdtempSync(join(tmpdir(), 'millrace-nexmark-test-'))
  try {
    writeFileSync(join(input, 'bid.ndjson'), Array.from({ length: 3000 }, (_, n) => `${bidLine(n)}\n`).join(''))
    const runs: NexmarkRun[] = []
    const queries = ['q0', 'q0-raw', 'q1', 'q2', 'q7', 'q12']
    await runNexmark({ input, queries, onRun: (run) => runs.push(run) })
    expect(runs.map(({ query, match }) => [query, match])).toEqual(queries.map((query) => [query, true]))
    expect(runs.map(({ eventsRead }) => eventsRead)).toEqual(queries.map(() => 3000))
    expect(runs.map(({ rows }) => rows)).toEqual([3000, 3000, 3000, runs[3]?.outputRecords, 3, 270])
    expect(runs[3]?.rows).toBeGreaterThan(0)
  } finally {
    rmSync(input, { recursive: true })
  }
}, 120_000)

test('a digest does not depend on the order of the lines, and tells them apart', () => {
  expect(digestOf(['b', 'a'])).toEqual(digestOf(['a', 'b']))
  expect(digestOf(['a', 'b']).sha256).not.toBe(digestOf(['a', 'c']).sha256)
  // printf 'a\nb\n' | sha256sum
  expect(digestOf(['a', 'b']).sha256).toBe('911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2')
})
