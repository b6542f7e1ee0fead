import type { EncodedHeaders, TopicHandle } from '@millrace/client'
import type { ByteWritable } from '@millrace/kernel'

/** Where a task writes. The runtime gives the thread's producer, the test driver a log in memory. */
export interface Collector {
  /** Of a topic that the plan lists as written. Synchronous: it was opened before the task was made. */
  handle(topic: string): TopicHandle
  /** As `Producer.append`. Serialises in place, before it returns. */
  append<K, V>(
    to: TopicHandle,
    partition: number,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: EncodedHeaders | null,
  ): void
  /** The task stops between records while it is. */
  readonly full: boolean
}
