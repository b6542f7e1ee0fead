import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { cases } from '../dist/kafkajs/all-cases.js'
import { plugCodecs } from '../dist/kafkajs/codecs.js'
import { type LibraryName, libraries } from '../dist/kafkajs/library.js'
import { World } from '../dist/kafkajs/world.js'
import { ApacheKafka, patienceMs } from './apache-kafka.ts'

/** The judge: what the cases say holds for kafkajs, and so for ours, with Apache Kafka behind. */
const server = new ApacheKafka()

beforeAll(async () => {
  await plugCodecs()
  await server.start()
  await new World('millrace', server).ready()
}, 240_000)
afterAll(() => server.dispose())

const names: readonly LibraryName[] = ['kafkajs', 'millrace']
describe.each(names.filter((name) => name in libraries))('%s', (name) => {
  const world = new World(name, server)
  afterEach(() => world.tidy())
  for (const [title, run] of Object.entries(cases)) test(title, () => run(world), patienceMs(title))
})
