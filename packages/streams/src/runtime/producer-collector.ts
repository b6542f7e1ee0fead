import type { EncodedHeaders, Producer, TopicHandle } from '@millrace/client'
import { assert, type ByteWritable } from '@millrace/kernel'
import type { Collector } from '../task/collector.ts'

/** Where tasks append: the thread's one producer, with every topic it may write opened beforehand. */
export class ProducerCollector implements Collector {
  readonly #producer: Producer
  readonly #handles: ReadonlyMap<string, TopicHandle>

  private constructor(producer: Producer, handles: ReadonlyMap<string, TopicHandle>) {
    this.#producer = producer
    this.#handles = handles
  }

  /** @throws UNKNOWN_TOPIC_OR_PARTITION for a sink topic that does not come up; ABORTED by the signal. */
  static async open(producer: Producer, topics: readonly string[], signal: AbortSignal): Promise<ProducerCollector> {
    const opening = topics.map(async (topic) => [topic, await producer.open(topic, { signal })] as const)
    const handles = await Promise.all(opening)
    return new ProducerCollector(producer, new Map(handles))
  }

  get full(): boolean {
    return this.#producer.full
  }

  handle(topic: string): TopicHandle {
    const handle = this.#handles.get(topic)
    assert(handle !== undefined, () => `the topology writes ${topic}, which its plan does not list`)
    return handle
  }

  append<K, V>(
    to: TopicHandle,
    partition: number,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: EncodedHeaders | null,
  ): void {
    this.#producer.append(to, partition, timestampMs, key, keyOut, value, valueOut, headers)
  }
}
