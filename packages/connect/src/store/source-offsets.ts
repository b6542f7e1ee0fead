import type { Client, Producer, TopicHandle } from '@millrace/client'
import type { RawConfig, SourceOffset, SourcePartition } from '@millrace/connect-api'
import { utf8Out } from '@millrace/record/internal'
import { ensureCompacted, readTopic } from './topic-reader.ts'

/**
 * Positions of one connector's sources in Kafka Connect's form: key `["<connector>",{partition}]`, value the
 * offset as JSON. They are written by
 * the task's own producer, after the records they stand for.
 */
export class SourceOffsets {
  readonly #connector: string
  readonly #topic: TopicHandle
  readonly #producer: Producer
  readonly #stored: Map<string, SourceOffset>

  static async open(client: Client, producer: Producer, topic: string, connector: string): Promise<SourceOffsets> {
    await ensureCompacted(client, topic, 1)
    const stored = new Map<string, SourceOffset>()
    const prefix = `[${JSON.stringify(connector)},`
    await readTopic(client, topic, (key, value) => {
      if (!key.startsWith(prefix)) return
      const offset: unknown = value === null ? undefined : JSON.parse(value)
      if (isObject(offset)) stored.set(key, offset)
      else stored.delete(key)
    })
    return new SourceOffsets(connector, await producer.open(topic), producer, stored)
  }

  constructor(connector: string, topic: TopicHandle, producer: Producer, stored: Map<string, SourceOffset>) {
    this.#connector = connector
    this.#topic = topic
    this.#producer = producer
    this.#stored = stored
  }

  /** What `partition` was read up to; undefined on the first run. */
  get(partition: SourcePartition): SourceOffset | undefined {
    return this.#stored.get(this.keyOf(partition))
  }

  keyOf(partition: SourcePartition): string {
    return JSON.stringify([this.#connector, partition])
  }

  /** Appends positions by their keys; durable after the producer's next flush. */
  append(positions: ReadonlyMap<string, SourceOffset>, nowMs: number): void {
    const partition = this.#topic.partitions === 1 ? 0 : -1
    for (const [key, offset] of positions) {
      this.#producer.append(this.#topic, partition, nowMs, key, utf8Out, JSON.stringify(offset), utf8Out, null)
      this.#stored.set(key, offset)
    }
  }
}

function isObject(value: unknown): value is RawConfig {
  return typeof value === 'object' && value !== null
}
