import type { Serde } from '@millrace/schema'

/** Whether the serde of a stream's keys or values is known. Only in types: a step that needs one then asks for it. */
export type Knowledge = 'known' | 'unknown'

/** A serde stays known where the type stays the same. */
export type Kept<Before, After, Known extends Knowledge> = [Before] extends [After]
  ? [After] extends [Before]
    ? Known
    : 'unknown'
  : 'unknown'

/** Known only where both are. */
export type Both<A extends Knowledge, B extends Knowledge> = A extends 'known' ? B : 'unknown'

type KeyOption<K, Known extends Knowledge> = Known extends 'known'
  ? { readonly key?: Serde<K> | undefined }
  : { readonly key: Serde<K> }

type ValueOption<V, Known extends Knowledge> = Known extends 'known'
  ? { readonly value?: Serde<V> | undefined }
  : { readonly value: Serde<V> }

/** Serdes by name: those that are not known must be given. */
export type SerdeOptions<K, V, KeyKnown extends Knowledge, ValueKnown extends Knowledge> = KeyOption<K, KeyKnown> &
  ValueOption<V, ValueKnown>

/** The last argument of a step that needs both serdes: may be left out where both are known. */
export type SerdeArguments<K, V, KeyKnown extends Knowledge, ValueKnown extends Knowledge, More> =
  Both<KeyKnown, ValueKnown> extends 'known'
    ? [options?: SerdeOptions<K, V, KeyKnown, ValueKnown> & More]
    : [options: SerdeOptions<K, V, KeyKnown, ValueKnown> & More]

/** `groupBy`: the key is new and needs its serde; the value needs it only where it is not known. */
export type GroupByOptions<K, V, ValueKnown extends Knowledge> = {
  readonly key: Serde<K>
  /** Of the repartition topic. @default the name of the aggregate's store */
  readonly name?: string | undefined
} & ValueOption<V, ValueKnown>
