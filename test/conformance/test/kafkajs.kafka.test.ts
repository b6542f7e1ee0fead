import { type KafkaCluster, startKafka } from '@millrace/test-contract'
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest'
import { cases } from '../dist/kafkajs/all-cases.js'
import { plugCodecs } from '../dist/kafkajs/codecs.js'
import { type LibraryName, libraries } from '../dist/kafkajs/library.js'
import { type Server, World } from '../dist/kafkajs/world.js'

/** An Apache Kafka of our own, as quick to let members in as our broker in these tests. */
class ApacheKafka implements Server {
  #cluster: KafkaCluster | undefined

  get address(): string {
    return this.#cluster?.bootstrap ?? ''
  }

  async start(): Promise<void> {
    if (this.#cluster !== undefined) return this.#cluster.restart(1)
    this.#cluster = await startKafka({ settings: { 'group.initial.rebalance.delay.ms': 0 } })
  }

  async kill(): Promise<void> {
    await this.#cluster?.kill(1)
  }

  async dispose(): Promise<void> {
    await this.#cluster?.stop()
  }
}

/** The judge: what the cases say holds for kafkajs, and so for ours, with Apache Kafka behind. */
const server = new ApacheKafka()

beforeAll(async () => {
  await plugCodecs()
  await server.start()
  await new World('millrace', server).ready()
}, 240_000)
afterAll(() => server.dispose())

/** They kill the broker; kafkajs then waits for sessions to expire, for longer than a test may take. */
const killing = /broker was killed|broker is back/

const names: readonly LibraryName[] = ['kafkajs', 'millrace']
describe.each(names.filter((name) => name in libraries))('%s', (name) => {
  const world = new World(name, server)
  afterEach(() => world.tidy())
  for (const [title, run] of Object.entries(cases)) test.skipIf(killing.test(title))(title, () => run(world))
})
