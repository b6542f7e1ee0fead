import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, startEngine } from '@millrace/embedded'
import { Kafka, type KafkaConfig, logLevel } from '@millrace/kafkajs'
import { nodeLog, nodePorts } from '@millrace/kernel/node'

/** An engine that listens on a port of its own, and clients for it. */
export class OwnCluster {
  readonly #engine: Engine
  readonly #directory: string

  static async start(settings: Readonly<Record<string, string | number | boolean>> = {}): Promise<OwnCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-kafkajs-'))
    const ports = nodePorts({ log: nodeLog({ level: 'error' }) })
    return new OwnCluster(await startEngine({ directory, ports, settings, listen: { port: 0 } }), directory)
  }

  private constructor(engine: Engine, directory: string) {
    this.#engine = engine
    this.#directory = directory
  }

  get address(): string {
    return `127.0.0.1:${this.#engine.listening?.port}`
  }

  kafka(config: Partial<KafkaConfig> = {}): Kafka {
    return new Kafka({ brokers: [this.address], logLevel: logLevel.NOTHING, ...config })
  }

  async topic(topic: string, numPartitions: number): Promise<string> {
    const admin = this.kafka().admin()
    await admin.createTopics({ topics: [{ topic, numPartitions }] })
    await admin.disconnect()
    return topic
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}
