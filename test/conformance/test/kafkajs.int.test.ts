import { readFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { ledgerComplaints, readNames } from '../dist/judge.js'
import { cases } from '../dist/kafkajs/all-cases.js'
import { plugCodecs } from '../dist/kafkajs/codecs.js'
import { World } from '../dist/kafkajs/world.js'

/** kafkajs 2.2.4, unmodified, against our broker in a process of its own, over TCP. */
const passing = readNames(new URL('../kafkajs/pass.txt', import.meta.url))
const gaps = readFileSync(new URL('../kafkajs/gaps.md', import.meta.url), 'utf8')
const world = new World()

beforeAll(async () => {
  await plugCodecs()
  await world.broker.start()
})
afterEach(() => world.tidy())
afterAll(() => world.broker.dispose())

test('the list and the ledger say the same as the cases', () => {
  expect(ledgerComplaints(Object.keys(cases), passing, gaps)).toEqual([])
})

for (const [name, run] of Object.entries(cases)) {
  // Red when a listed case fails, and red when one that is not listed passes: the list may not lag behind the truth.
  const judged = passing.has(name) ? test : test.fails
  judged(name, () => run(world))
}
