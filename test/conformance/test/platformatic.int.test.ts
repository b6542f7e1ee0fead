import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { BrokerProcess } from '../dist/broker.js'
import { ledgerComplaints, readNames } from '../dist/judge.js'
import { cases } from '../dist/platformatic/all-cases.js'
import { World } from '../dist/platformatic/world.js'

/** @platformatic/kafka 1.35.0, unmodified, against our broker in a process of its own, over TCP. */
const passing = readNames(new URL('../platformatic/pass.txt', import.meta.url))
const gaps = readFileSync(new URL('../platformatic/gaps.md', import.meta.url), 'utf8')
const broker = new BrokerProcess()
const world = new World(broker)

beforeAll(() => broker.start())
afterEach(() => world.tidy())
afterAll(() => broker.dispose())

test('the list and the ledger say the same as the cases', () => {
  expect(ledgerComplaints(Object.keys(cases), passing, gaps)).toEqual([])
})

for (const [name, run] of Object.entries(cases)) {
  // Red when a listed case fails, and red when one that is not listed passes: the list may not lag behind the truth.
  const judged = passing.has(name) ? test : test.fails
  judged(name, () => run(world))
}
