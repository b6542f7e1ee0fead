import type { AnySerde } from '../topology/erased.ts'
import type { TopologyBuilder } from '../topology/topology-builder.ts'
import { KStream } from './k-stream.ts'

/**
 * The latest value of each key, kept in a store. `K` is `Windowed<…>` for a windowed aggregate. Updates of one key
 * within a commit reach what follows as one, the latest: the cache gathers them.
 */
export class KTable<K, V> {
  /** The store's name, as it can be asked for. */
  readonly store: string
  /** How many milliseconds its windows last; undefined for a table without windows. @internal */
  readonly windowSizeMs: number | undefined
  readonly #builder: TopologyBuilder
  readonly #node: string
  readonly #key: AnySerde
  readonly #value: AnySerde

  /** @internal */
  constructor(
    builder: TopologyBuilder,
    node: string,
    store: string,
    key: AnySerde,
    value: AnySerde,
    windowSizeMs: number | undefined,
  ) {
    this.#builder = builder
    this.#node = node
    this.store = store
    this.#key = key
    this.#value = value
    this.windowSizeMs = windowSizeMs
  }

  /** Its updates as a stream; a deleted key is a record with a null value. */
  toStream(): KStream<K, V, 'known', 'known'> {
    const name = this.#builder.uniqueName(`${this.#node}.toStream`)
    const node = this.#builder.add({ kind: 'toStream', name, parents: [this.#node] })
    return new KStream(this.#builder, node, this.#key, this.#value, false)
  }

  /** @internal */
  belongsTo(builder: TopologyBuilder): boolean {
    return this.#builder === builder
  }
}
