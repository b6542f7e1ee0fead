import { configError } from '@millrace/kernel'
import type { Serde } from '@millrace/schema'
import { checkTopicName } from '../topology/topic-name.ts'

/** A topic and how its keys and values are read and written. */
export interface Topic<K, V> {
  readonly name: string
  readonly key: Serde<K>
  readonly value: Serde<V>
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
