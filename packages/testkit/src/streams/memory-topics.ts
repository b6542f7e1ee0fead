import type { Buffer } from 'node:buffer'
import { type EncodedHeaders, keyPartitioner, type PolledBatch, type TopicHandle } from '@millrace/client'
import { type ByteWritable, ByteWriter, configError, type Offset, offset, TopicPartitionMap } from '@millrace/kernel'
import {
  BatchBuilder,
  BatchCursor,
  decodeHeaders,
  nextOffset,
  stampBaseOffset,
  type ValidBatch,
} from '@millrace/record/internal'
import type { Collector } from '@millrace/streams/internal'

/** A record as it lies in a topic; key and value are borrowed until the next one. */
export interface StoredRecord {
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
}

class MemoryPartition {
  readonly batches: ValidBatch[] = []
  readonly #builder = new BatchBuilder()
  #end = 0

  get builder(): BatchBuilder {
    return this.#builder
  }

  /** The offset of the next record. */
  get end(): Offset {
    this.seal()
    return offset(this.#end)
  }

  /** Closes the open batch, so that it can be read. */
  seal(): void {
    if (this.#builder.count === 0) return
    const batch = this.#builder.build({ leaderEpoch: 0 })
    stampBaseOffset(batch, offset(this.#end))
    this.batches.push(batch)
    this.#end = nextOffset(batch)
  }

  /** Forgets what comes after a place where it was sealed. */
  truncate(to: number): void {
    this.#builder.reset()
    while (this.batches.length > 0 && nextOffset(this.batches.at(-1)!) > to) this.batches.pop()
    this.#end = to
  }
}

/** Topics as lists of batches in memory: the bytes are those that a broker would hold. */
export class MemoryTopics implements Collector {
  /** Nothing waits in a test. */
  readonly full = false
  readonly #topics = new Map<string, MemoryPartition[]>()
  readonly #handles = new Map<string, TopicHandle>()
  readonly #key = new ByteWriter(128)

  create(topic: string, partitions: number): void {
    this.#topics.set(
      topic,
      Array.from({ length: partitions }, () => new MemoryPartition()),
    )
    this.#handles.set(topic, Object.freeze({ topic, partitions }))
  }

  has(topic: string): boolean {
    return this.#topics.has(topic)
  }

  /** @throws CONFIG for a topic that the topology does not use. */
  handle(topic: string): TopicHandle {
    const handle = this.#handles.get(topic)
    if (handle !== undefined) return handle
    throw configError('topic', 'is not one of the topology', topic, `It has ${[...this.#topics.keys()].join(', ')}.`)
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
    const chosen = partition < 0 ? this.#partitionOf(to, key, keyOut) : partition
    const { builder } = this.#at(to.topic, chosen)
    builder.append(timestampMs, key, keyOut, value, valueOut, headers)
  }

  end(topic: string, partition: number): Offset {
    return this.#at(topic, partition).end
  }

  /** Where every partition of every topic ends. */
  ends(): TopicPartitionMap<Offset> {
    const ends = new TopicPartitionMap<Offset>()
    for (const [topic, partitions] of this.#topics)
      for (const [i, log] of partitions.entries()) ends.set(topic, i, log.end)
    return ends
  }

  /** Forgets what was written after `to`, a place that `ends` named. */
  truncate(topic: string, partition: number, to: number): void {
    this.#at(topic, partition).truncate(to)
  }

  /** Batches that hold `from` and what comes after it. */
  *read(topic: string, partition: number, from: number): IterableIterator<PolledBatch> {
    const log = this.#at(topic, partition)
    log.seal()
    for (const batch of log.batches) {
      const next = nextOffset(batch)
      if (next > from) yield { topic, partition, batch, from: offset(from), next, leaderEpoch: 0 }
    }
  }

  /** Records from an offset on. */
  *records(topic: string, partition: number, from: number): IterableIterator<StoredRecord> {
    const cursor = new BatchCursor()
    for (const { batch } of this.read(topic, partition, from)) {
      cursor.open(batch)
      while (cursor.next()) {
        if (cursor.offset < from) continue
        const { bytes, keyFrom, keyTo, valueFrom, valueTo, headersFrom, headersTo, timestampMs } = cursor
        yield {
          partition,
          offset: cursor.offset,
          timestampMs,
          key: keyFrom < 0 ? null : bytes.subarray(keyFrom, keyTo),
          value: valueFrom < 0 ? null : bytes.subarray(valueFrom, valueTo),
          headers: decodeHeaders(bytes, headersFrom, headersTo),
        }
      }
    }
  }

  #partitionOf<K>({ topic, partitions }: TopicHandle, key: K | null, keyOut: ByteWritable<K>): number {
    if (key === null || partitions === 1) return 0
    this.#key.reset()
    keyOut.write(key, this.#key)
    return keyPartitioner(topic, this.#key.view(), partitions)
  }

  #at(topic: string, partition: number): MemoryPartition {
    const log = this.#topics.get(this.handle(topic).topic)?.[partition]
    if (log !== undefined) return log
    throw configError(`topic ${topic}`, 'has no such partition', partition)
  }
}
