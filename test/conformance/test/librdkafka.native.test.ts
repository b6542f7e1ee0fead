import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { BrokerProcess } from '../dist/broker.js'
import { ledgerComplaints, readNames } from '../dist/judge.js'
import { cases } from '../dist/librdkafka/all-cases.js'
import { CompiledClient } from '../dist/librdkafka/commands.js'
import { World } from '../dist/librdkafka/world.js'

/** librdkafka as Debian has it, against our broker in a process of its own: kcat, and a client compiled here. */
const passing = readNames(new URL('../librdkafka/pass.txt', import.meta.url))
const gaps = readFileSync(new URL('../librdkafka/gaps.md', import.meta.url), 'utf8')
const broker = new BrokerProcess()
const client = new CompiledClient()
const world = new World(broker, client)

beforeAll(async () => {
  await client.compile()
  await broker.start()
})
afterEach(() => world.tidy())
afterAll(async () => {
  client.dispose()
  await broker.dispose()
})

test('the list and the ledger say the same as the cases', () => {
  expect(ledgerComplaints(Object.keys(cases), passing, gaps)).toEqual([])
})

for (const [name, run] of Object.entries(cases)) {
  // Red when a listed case fails, and red when one that is not listed passes: the list may not lag behind the truth.
  const judged = passing.has(name) ? test : test.fails
  judged(name, () => run(world))
}
