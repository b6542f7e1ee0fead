import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BrokerProcess } from '../dist/broker.js'
import { type JavaRun, runJava } from '../dist/java/conformance-run.js'
import { ledgerComplaints, readNames } from '../dist/judge.js'

/** Apache Kafka's Java clients, command-line tools, Streams and Connect, unmodified, against our broker. */
const passing = readNames(new URL('../java/pass.txt', import.meta.url))
const gaps = readFileSync(new URL('../java/gaps.md', import.meta.url), 'utf8')
const minutes = 60_000

/** Cases that are run once more under transaction version 1. */
const transactions = 'client: (transactions|offsets in|a producer of the same).*'
const underVersion1 = ', transaction version 1'

const outcomes = new Map<string, string | undefined>()
const runs: JavaRun[] = []

beforeAll(async () => {
  for (const [version, names, suffix] of [
    [2, '.*', ''],
    [1, transactions, underVersion1],
  ] as const) {
    const broker = new BrokerProcess({ 'transaction.version': version })
    await broker.start()
    try {
      const run = await runJava(broker, names)
      runs.push(run)
      for (const [name, why] of run.outcomes) outcomes.set(`${name}${suffix}`, why)
    } finally {
      await broker.dispose()
    }
  }
}, 8 * minutes)

afterAll(() => {
  for (const run of runs) if (run.exitCode !== 0) console.error(run.said)
})

test('both runs came to their end', () => {
  expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0])
})

test('the list and the ledger say the same as the cases', () => {
  expect(ledgerComplaints(outcomes.keys(), passing, gaps)).toEqual([])
})

for (const name of passing) {
  test(name, () => {
    expect(outcomes.has(name), 'it was not run').toBe(true)
    expect(outcomes.get(name)).toBeUndefined()
  })
}

test('what is not in the list fails: the list may not lag behind the truth', () => {
  const better = [...outcomes].filter(([name, why]) => why === undefined && !passing.has(name))
  expect(better.map(([name]) => name)).toEqual([])
})
