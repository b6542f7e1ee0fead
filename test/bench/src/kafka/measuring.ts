import type { Client } from '@millrace/client'
import type { BrokerUnderTest } from './broker-under-test.ts'
import { openClient } from './open-client.ts'
import type { Plan } from './plan.ts'
import { Rows } from './row.ts'

const partitions = 6

/** What all measurements of one run share. */
export class Measuring {
  readonly plan: Plan
  readonly rows = new Rows()
  brokers: readonly BrokerUnderTest[] = []
  /** Whether a measurement was asked for. */
  readonly wants: (name: string) => boolean
  readonly note: (line: string) => void
  readonly #loaded = new Map<BrokerUnderTest, number>()
  readonly #clients = new Map<BrokerUnderTest, Client>()

  constructor(plan: Plan, wants: (name: string) => boolean, note: (line: string) => void) {
    this.plan = plan
    this.wants = wants
    this.note = note
  }

  /** One of ours, kept open. */
  client(broker: BrokerUnderTest): Client {
    let client = this.#clients.get(broker)
    if (client === undefined) {
      client = openClient(broker.bootstrap)
      this.#clients.set(broker, client)
    }
    return client
  }

  async createTopic(broker: BrokerUnderTest, name: string): Promise<void> {
    await this.client(broker).admin().createTopics([{ name, partitions }])
    // Apache Kafka answers before all of it knows the topic; a producer that has opened it has waited for that.
    const producer = this.client(broker).producer()
    await producer.open(name)
    await producer.close()
  }

  async deleteTopic(broker: BrokerUnderTest, name: string): Promise<void> {
    await this.client(broker).admin().deleteTopics([name])
  }

  loaded(broker: BrokerUnderTest, bytes: number): void {
    this.#loaded.set(broker, this.loadOf(broker) + bytes)
  }

  loadOf(broker: BrokerUnderTest): number {
    return this.#loaded.get(broker) ?? 0
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await client.close()
    await Promise.all(this.brokers.map((broker) => broker.stop()))
  }
}
