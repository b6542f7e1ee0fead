import { afterAll, afterEach, beforeAll, test } from 'vitest'
import { World as KafkajsWorld } from '../dist/kafkajs/world.js'
import { cases } from '../dist/platformatic/all-cases.js'
import { World } from '../dist/platformatic/world.js'
import { ApacheKafka, patienceMs } from './apache-kafka.ts'

/** The judge: what the cases say holds for @platformatic/kafka 1.35.0 with Apache Kafka behind. */
const server = new ApacheKafka()
const world = new World(server)

beforeAll(async () => {
  await server.start()
  await new KafkajsWorld('kafkajs', server).ready()
}, 240_000)
afterEach(() => world.tidy())
afterAll(() => server.dispose())

for (const [name, run] of Object.entries(cases)) test(name, () => run(world), patienceMs(name))
