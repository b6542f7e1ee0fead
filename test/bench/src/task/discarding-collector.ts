import type { TopicHandle } from '@millrace/client'
import type { ByteWritable } from '@millrace/kernel'
import { BatchBuilder } from '@millrace/record/internal'
import type { Collector } from '@millrace/streams/internal'

const batchBytes = 65_536

/** Encodes what a task writes into batches, checksums them, and lets them go: a producer without a broker. */
export class DiscardingCollector implements Collector {
  readonly full = false
  records = 0
  bytes = 0
  readonly #builder = new BatchBuilder({ capacityBytes: batchBytes + 4096 })

  handle(topic: string): TopicHandle {
    return { topic, partitions: 1 }
  }

  append<K, V>(
    _to: TopicHandle,
    _partition: number,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
  ): void {
    this.#builder.append(timestampMs, key, keyOut, value, valueOut, null)
    this.records++
    if (this.#builder.sizeBytes >= batchBytes) this.bytes += this.#builder.build().length
  }
}
