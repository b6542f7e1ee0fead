import { type ByteWriter, configError } from '@millrace/kernel'
import type { Serde } from '@millrace/schema'
import type { AnySerde } from '../topology/erased.ts'
import { checkTopicName } from '../topology/topic-name.ts'

/** A topic and how its keys and values are read and written. */
export interface Topic<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/** A topic that can hold these: its serdes may be for wider types, and null values are tombstones in any. */
export interface SinkTopic<K, V> {
  readonly name: string
  readonly key: AnySerde & Writes<NonNullable<K>>
  readonly value: AnySerde & Writes<NonNullable<V>>
}

/** A property, not a method: so the compiler holds that what is written is what the serde takes. */
interface Writes<T> {
  readonly write: (value: T, into: ByteWriter) => void
}

/**
 * Names a topic with its serdes.
 *
 * @throws CONFIG for a name that Kafka refuses, or a serde that is none.
 */
export function topic<K, V>(name: string, serdes: { readonly key: Serde<K>; readonly value: Serde<V> }): Topic<K, V> {
  checkTopicName('topic name', name)
  checkSerde(`topic ${name} key`, serdes?.key)
  checkSerde(`topic ${name} value`, serdes?.value)
  return Object.freeze({ name, key: serdes.key, value: serdes.value })
}

/** For programs that no compiler has seen. @throws CONFIG */
export function checkSerde(option: string, serde: { read?: unknown; write?: unknown } | undefined): void {
  if (typeof serde?.read === 'function' && typeof serde.write === 'function') return
  throw configError(option, 'is not a serde', serde, 'Give one, for example string() or json<Order>().')
}
