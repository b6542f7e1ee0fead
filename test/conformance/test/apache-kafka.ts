import { setTimeout as sleep } from 'node:timers/promises'
import { type KafkaCluster, startKafka } from '@millrace/test-contract'
import { Kafka, logLevel } from 'kafkajs'
import type { Server } from '../dist/broker.js'

/** One partition: as soon as one group is answered, all are. */
const settings = {
  'group.initial.rebalance.delay.ms': 0,
  'offsets.topic.num.partitions': 1,
  'transaction.state.log.num.partitions': 1,
}

/**
 * How long a case may take, on a machine that has a lot to do. One that kills the broker longest: it takes its time to start and to
 * recover its logs, and a client that waits for the session of a dead member waits for all of it.
 */
export function patienceMs(name: string): number {
  return /broker (?:was killed|is back)/.test(name) ? 240_000 : 120_000
}

/** An Apache Kafka of our own, as quick to let members in as our broker in these tests. */
export class ApacheKafka implements Server {
  #cluster: KafkaCluster | undefined

  get address(): string {
    return this.#cluster?.bootstrap ?? ''
  }

  async start(): Promise<void> {
    if (this.#cluster === undefined) this.#cluster = await startKafka({ settings })
    else await this.#cluster.restart(1)
    await this.#coordinatorLoaded()
  }

  /** The first question to a coordinator makes its topic; a loaded machine needs its time for that. */
  async #coordinatorLoaded(): Promise<void> {
    const kafka = new Kafka({ brokers: [this.address], logLevel: logLevel.NOTHING, retry: { retries: 30 } })
    const admin = kafka.admin()
    await admin.connect()
    for (let tries = 0; ; tries++) {
      try {
        await admin.fetchOffsets({ groupId: 'warm' })
        break
      } catch (error) {
        if (tries === 100) throw error // "not the coordinator", which kafkajs does not try again
        await sleep(100)
      }
    }
    await admin.disconnect()
  }

  async kill(): Promise<void> {
    await this.#cluster?.kill(1)
  }

  async dispose(): Promise<void> {
    await this.#cluster?.stop()
  }
}
