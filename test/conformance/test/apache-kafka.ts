import { type KafkaCluster, startKafka } from '@millrace/test-contract'
import type { Server } from '../dist/broker.js'

/** An Apache Kafka of our own, as quick to let members in as our broker in these tests. */
export class ApacheKafka implements Server {
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
