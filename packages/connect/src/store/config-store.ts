import type { Client, Producer } from '@millrace/client'
import type { RawConfig } from '@millrace/connect-api'
import { ensureCompacted, readTopic } from './topic-reader.ts'

/** What a connector is meant to be doing: Kafka Connect's words. */
export type TargetState = 'STARTED' | 'PAUSED' | 'STOPPED'

export interface StoredConnector {
  readonly config: RawConfig
  readonly target: TargetState
}

/**
 * Configs and target states in a compacted topic of one partition, in Kafka Connect's form: `connector-<name>` →
 * `{ "properties": … }`,
 * `target-state-<name>` → `{ "state": … }`. Written through at once; read once, at the start. References stay
 * references.
 */
export class ConfigStore {
  readonly #topic: string
  readonly #producer: Producer
  readonly #configs = new Map<string, RawConfig>()
  readonly #targets = new Map<string, TargetState>()

  static async open(client: Client, topic: string): Promise<ConfigStore> {
    await ensureCompacted(client, topic, 1)
    const store = new ConfigStore(client.producer(), topic)
    await readTopic(client, topic, (key, value) => store.#take(key, value === null ? undefined : JSON.parse(value)))
    return store
  }

  constructor(producer: Producer, topic: string) {
    this.#producer = producer
    this.#topic = topic
  }

  all(): ReadonlyMap<string, StoredConnector> {
    return new Map(
      Array.from(this.#configs, ([name, config]) => [name, { config, target: this.#targets.get(name) ?? 'STARTED' }]),
    )
  }

  async put(name: string, config: RawConfig): Promise<void> {
    this.#configs.set(name, config)
    await this.#write(`connector-${name}`, { properties: config })
  }

  async putTarget(name: string, state: TargetState): Promise<void> {
    this.#targets.set(name, state)
    await this.#write(`target-state-${name}`, { state })
  }

  async remove(name: string): Promise<void> {
    this.#configs.delete(name)
    this.#targets.delete(name)
    await this.#write(`connector-${name}`, null)
    await this.#write(`target-state-${name}`, null)
  }

  async close(): Promise<void> {
    await this.#producer.close()
  }

  async #write(key: string, value: object | null): Promise<void> {
    await this.#producer.send({
      topic: this.#topic,
      partition: 0,
      key,
      value: value === null ? null : JSON.stringify(value),
    })
  }

  #take(key: string, value: unknown): void {
    const connector = afterPrefix(key, 'connector-')
    if (connector !== undefined) {
      const properties = isObject(value) ? value['properties'] : undefined
      if (isConfig(properties)) this.#configs.set(connector, properties)
      else this.#configs.delete(connector)
      return
    }
    const target = afterPrefix(key, 'target-state-')
    if (target === undefined) return
    const state = isObject(value) ? value['state'] : undefined
    if (state === 'STARTED' || state === 'PAUSED' || state === 'STOPPED') this.#targets.set(target, state)
    else this.#targets.delete(target)
  }
}

function afterPrefix(key: string, prefix: string): string | undefined {
  return key.startsWith(prefix) ? key.slice(prefix.length) : undefined
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function isConfig(value: unknown): value is RawConfig {
  return isObject(value)
}
