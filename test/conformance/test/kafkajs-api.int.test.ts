import { afterAll, afterEach, beforeAll, test } from 'vitest'
import { readNames } from '../dist/judge.js'
import { cases } from '../dist/kafkajs/all-cases.js'
import { World } from '../dist/kafkajs/world.js'

/** kafkajs's cases once more, with @millrace/kafkajs in its place: what holds for the one holds for the other. */
const passing = readNames(new URL('../kafkajs/pass.txt', import.meta.url))
const world = new World('millrace')

beforeAll(() => world.broker.start())
afterEach(() => world.tidy())
afterAll(() => world.broker.dispose())

for (const [name, run] of Object.entries(cases)) {
  const judged = passing.has(name) ? test : test.fails
  judged(name, () => run(world))
}
