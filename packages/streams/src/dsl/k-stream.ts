import { configError } from '@millrace/kernel'
import type { Serde } from '@millrace/schema'
import type { OperatorFunction } from 'rxjs'
import type { AnyFunction, AnyJoiner, AnyOperator, AnySerde } from '../topology/erased.ts'
import type { FunctionNode } from '../topology/nodes.ts'
import type { TopologyBuilder } from '../topology/topology-builder.ts'
import { KGroupedStream } from './grouped.ts'
import type { KTable } from './k-table.ts'
import type { Both, GroupByOptions, Kept, Knowledge, SerdeArguments } from './knowledge.ts'
import { addTable, refuseUnknown, type StoreOptions } from './stores.ts'
import { checkSerde, type SinkTopic } from './topic.ts'

/** Chooses the partition of a record, from 0. */
export type StreamPartitioner<K, V> = (topic: string, key: K | null, value: V | null, partitions: number) => number

/** Names an internal topic where a step may need one. */
interface RepartitionName {
  /** Of the repartition topic, needed only after the key has changed: `<applicationId>-<name>-repartition`. */
  readonly name?: string | undefined
}

/**
 * Records in order, per partition. The key, timestamp and headers of a record ride along with its value. Values and
 * keys are read-only: one that comes out of a step as it went in is copied on as bytes.
 *
 * `KeyKnown` and `ValueKnown` say whether a serde is known, which a step that writes needs.
 */
export class KStream<K, V, KeyKnown extends Knowledge = 'known', ValueKnown extends Knowledge = 'known'> {
  readonly #builder: TopologyBuilder
  readonly #node: string
  readonly #key: AnySerde | undefined
  readonly #value: AnySerde | undefined
  /** The key is not the one that the records were partitioned by: what needs it repartitions first. */
  readonly #rekeyed: boolean

  /** @internal */
  constructor(
    builder: TopologyBuilder,
    node: string,
    key: AnySerde | undefined,
    value: AnySerde | undefined,
    rekeyed: boolean,
  ) {
    this.#builder = builder
    this.#node = node
    this.#key = key
    this.#value = value
    this.#rekeyed = rekeyed
  }

  /**
   * Operators straight from 'rxjs', on values. They must be synchronous and hold no state; one that emits later, ends
   * or throws outside a record is an error that names it. The value's serde stays known only where the type stays the
   * same.
   */
  pipe(): this
  pipe<A>(a: OperatorFunction<V, A>): KStream<K, A, KeyKnown, Kept<V, A, ValueKnown>>
  pipe<A, B>(a: OperatorFunction<V, A>, b: OperatorFunction<A, B>): KStream<K, B, KeyKnown, Kept<V, B, ValueKnown>>
  pipe<A, B, C>(
    a: OperatorFunction<V, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
  ): KStream<K, C, KeyKnown, Kept<V, C, ValueKnown>>
  pipe<A, B, C, D>(
    a: OperatorFunction<V, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
  ): KStream<K, D, KeyKnown, Kept<V, D, ValueKnown>>
  pipe<A, B, C, D, E>(
    a: OperatorFunction<V, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
  ): KStream<K, E, KeyKnown, Kept<V, E, ValueKnown>>
  pipe<A, B, C, D, E, F>(
    a: OperatorFunction<V, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
    f: OperatorFunction<E, F>,
  ): KStream<K, F, KeyKnown, Kept<V, F, ValueKnown>>
  pipe<A, B, C, D, E, F, G>(
    a: OperatorFunction<V, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
    f: OperatorFunction<E, F>,
    g: OperatorFunction<F, G>,
  ): KStream<K, G, KeyKnown, Kept<V, G, ValueKnown>>
  pipe<A, B, C, D, E, F, G, H>(
    a: OperatorFunction<V, A>,
    b: OperatorFunction<A, B>,
    c: OperatorFunction<B, C>,
    d: OperatorFunction<C, D>,
    e: OperatorFunction<D, E>,
    f: OperatorFunction<E, F>,
    g: OperatorFunction<F, G>,
    h: OperatorFunction<G, H>,
  ): KStream<K, H, KeyKnown, Kept<V, H, ValueKnown>>
  pipe(...operators: unknown[]): unknown {
    if (operators.length === 0) return this
    const checked = operators.map(checkedOperator)
    const name = this.#builder.uniqueName(`${this.#node}.pipe`)
    const node = this.#builder.add({ kind: 'pipe', name, parents: [this.#node], operators: Object.freeze(checked) })
    return this.#next(node, this.#key, this.#value, this.#rekeyed)
  }

  /** Keeps records for which it is true. */
  filter<W extends V>(predicate: (value: V, key: K | null) => value is W): KStream<K, W, KeyKnown, ValueKnown>
  filter(predicate: (value: V, key: K | null) => boolean): KStream<K, V, KeyKnown, ValueKnown>
  filter(predicate: (value: V, key: K | null) => boolean): KStream<K, V, KeyKnown, ValueKnown> {
    return this.#next(this.#step('filter', predicate), this.#key, this.#value, this.#rekeyed)
  }

  /** Keeps records for which it is false. */
  filterNot(predicate: (value: V, key: K | null) => boolean): KStream<K, V, KeyKnown, ValueKnown> {
    return this.#next(this.#step('filterNot', predicate), this.#key, this.#value, this.#rekeyed)
  }

  /** A value for a value; null makes a tombstone. The key stays, so nothing is repartitioned. */
  mapValues<R>(project: (value: V, key: K | null) => R, value: Serde<R>): KStream<K, R, KeyKnown, 'known'>
  mapValues<R>(project: (value: V, key: K | null) => R): KStream<K, R, KeyKnown, Kept<V, R, ValueKnown>>
  mapValues<R>(project: (value: V, key: K | null) => R, value?: Serde<R>): KStream<K, R, KeyKnown, Knowledge> {
    return this.#next(this.#step('mapValues', project), this.#key, value ?? this.#value, this.#rekeyed)
  }

  /** Any number of values for a value, in order. The key stays. */
  flatMapValues<R>(project: (value: V, key: K | null) => Iterable<R>, value: Serde<R>): KStream<K, R, KeyKnown, 'known'>
  flatMapValues<R>(project: (value: V, key: K | null) => Iterable<R>): KStream<K, R, KeyKnown, Kept<V, R, ValueKnown>>
  flatMapValues<R>(
    project: (value: V, key: K | null) => Iterable<R>,
    value?: Serde<R>,
  ): KStream<K, R, KeyKnown, Knowledge> {
    return this.#next(this.#step('flatMapValues', project), this.#key, value ?? this.#value, this.#rekeyed)
  }

  /** A record `[key, value]` for a record. What needs the key afterwards repartitions. */
  map<L, R>(project: (value: V, key: K | null) => readonly [L, R]): KStream<L, R, 'unknown', 'unknown'>
  map<L, R>(
    project: (value: V, key: K | null) => readonly [L, R],
    serdes: { readonly key: Serde<L>; readonly value: Serde<R> },
  ): KStream<L, R, 'known', 'known'>
  map<L, R>(
    project: (value: V, key: K | null) => readonly [L, R],
    serdes?: { readonly key: Serde<L>; readonly value: Serde<R> },
  ): KStream<L, R, Knowledge, Knowledge> {
    return this.#next(this.#step('map', project, serdes?.key), serdes?.key, serdes?.value, true)
  }

  /** Any number of records `[key, value]` for a record. */
  flatMap<L, R>(project: (value: V, key: K | null) => Iterable<readonly [L, R]>): KStream<L, R, 'unknown', 'unknown'>
  flatMap<L, R>(
    project: (value: V, key: K | null) => Iterable<readonly [L, R]>,
    serdes: { readonly key: Serde<L>; readonly value: Serde<R> },
  ): KStream<L, R, 'known', 'known'>
  flatMap<L, R>(
    project: (value: V, key: K | null) => Iterable<readonly [L, R]>,
    serdes?: { readonly key: Serde<L>; readonly value: Serde<R> },
  ): KStream<L, R, Knowledge, Knowledge> {
    return this.#next(this.#step('flatMap', project, serdes?.key), serdes?.key, serdes?.value, true)
  }

  /** A new key. The value and its bytes stay; what needs the key afterwards repartitions. */
  selectKey<L>(select: (value: V, key: K | null) => L, key: Serde<L>): KStream<L, V, 'known', ValueKnown>
  selectKey<L>(select: (value: V, key: K | null) => L): KStream<L, V, Kept<K, L, KeyKnown>, ValueKnown>
  selectKey<L>(select: (value: V, key: K | null) => L, key?: Serde<L>): KStream<L, V, Knowledge, ValueKnown> {
    return this.#next(this.#step('selectKey', select, key), key ?? this.#key, this.#value, true)
  }

  /** Looks at each record and passes it on. */
  peek(look: (value: V, key: K | null) => void): KStream<K, V, KeyKnown, ValueKnown> {
    return this.#next(this.#step('peek', look), this.#key, this.#value, this.#rekeyed)
  }

  /** Looks at each record, and ends here. */
  forEach(look: (value: V, key: K | null) => void): void {
    this.#step('forEach', look)
  }

  /** The records of both. Serdes stay known where both know theirs, and the types are the same. */
  merge<W, OtherKey extends Knowledge, OtherValue extends Knowledge>(
    other: KStream<K, W, OtherKey, OtherValue>,
  ): KStream<K, V | W, Both<KeyKnown, OtherKey>, Kept<V, W, Both<ValueKnown, OtherValue>>> {
    if (other.#builder !== this.#builder) throw foreign('merge', other.#node)
    const name = this.#builder.uniqueName(`${this.#node}.merge`)
    const node = this.#builder.add({ kind: 'merge', name, parents: [this.#node, other.#node] })
    return this.#next(node, this.#key, this.#value, this.#rekeyed || other.#rekeyed)
  }

  /** Writes each record to a topic, which brings its own serdes. By default to the partition of its key. */
  to(topic: SinkTopic<K, V>, options: { readonly partitioner?: StreamPartitioner<K, V> | undefined } = {}): void {
    refuseUnknown('to', options, ['partitioner'])
    checkSerde(`to ${topic?.name} key`, topic?.key)
    checkSerde(`to ${topic.name} value`, topic.value)
    this.#builder.add({
      kind: 'sink',
      name: this.#builder.uniqueName(`${this.#node}.to`),
      parents: [this.#node],
      topic: { name: topic.name, internal: false },
      keySerde: topic.key,
      valueSerde: topic.value,
      partitioner: options.partitioner,
    })
  }

  /** By key, as it is. After a step that changed the key the records go through a repartition topic first. */
  groupByKey(...args: SerdeArguments<K, V, KeyKnown, ValueKnown, RepartitionName>): KGroupedStream<K, V> {
    const options: GivenSerdes & RepartitionName = args[0] ?? {}
    refuseUnknown('groupByKey', options, ['key', 'value', 'name'])
    return this.#grouped(options)
  }

  /** By a key of its own: `selectKey`, then `groupByKey`. */
  groupBy<L>(select: (value: V, key: K | null) => L, options: GroupByOptions<L, V, ValueKnown>): KGroupedStream<L, V> {
    refuseUnknown('groupBy', options, ['key', 'value', 'name'])
    checkSerde('groupBy key', options.key)
    const node = this.#step('selectKey', select, options.key)
    return new KStream<L, V>(this.#builder, node, options.key, this.#value, true).#grouped(options)
  }

  /** Through a topic of its own, by key: into the partitions of the key as it is now, or as many as asked for. */
  repartition(
    ...args: SerdeArguments<K, V, KeyKnown, ValueKnown, RepartitionName & { readonly partitions?: number | undefined }>
  ): KStream<K, V, 'known', 'known'> {
    const options: GivenSerdes & RepartitionName & { readonly partitions?: number | undefined } = args[0] ?? {}
    refuseUnknown('repartition', options, ['key', 'value', 'name', 'partitions'])
    const name = this.#repartitionName(options.name, 'repartition')
    return this.#repartitioned(name, options.key ?? this.#key, options.value ?? this.#value, options.partitions)
  }

  /** Its latest value by key. */
  toTable(...args: SerdeArguments<K, V, KeyKnown, ValueKnown, StoreOptions>): KTable<K, V> {
    const options: GivenSerdes & StoreOptions = args[0] ?? {}
    refuseUnknown('toTable', options, ['key', 'value', 'store'])
    const store = this.#builder.storeName(options.store, 'toTable')
    const key = needed(options.key ?? this.#key, 'toTable.key')
    const value = needed(options.value ?? this.#value, 'toTable.value')
    const stream = this.#rekeyed ? this.#repartitioned(store, key, value, undefined) : this
    return addTable(this.#builder, stream.#node, key, value, { store })
  }

  /**
   * Each record with the value that its key has in the table now; records whose key has none are dropped. Order is by
   * timestamp.
   */
  join<T, R>(
    table: KTable<K, T>,
    joiner: (value: V, tableValue: T, key: K) => R,
    ...args: SerdeArguments<K, V, KeyKnown, ValueKnown, RepartitionName>
  ): KStream<K, R, 'known', Kept<V, R, ValueKnown>> {
    return this.#joined('join', table, joiner, args[0])
  }

  /**
   * As `join`, keeping every record: `tableValue` is null where the table has none, or the record has no key (KIP-962).
   */
  leftJoin<T, R>(
    table: KTable<K, T>,
    joiner: (value: V, tableValue: T | null, key: K | null) => R,
    ...args: SerdeArguments<K, V, KeyKnown, ValueKnown, RepartitionName>
  ): KStream<K, R, 'known', Kept<V, R, ValueKnown>> {
    return this.#joined('leftJoin', table, joiner, args[0])
  }

  #joined<T, R>(
    kind: 'join' | 'leftJoin',
    table: KTable<K, T>,
    joiner: AnyJoiner,
    options: GivenSerdes & RepartitionName = {},
  ): KStream<K, R, 'known', Knowledge> {
    refuseUnknown(kind, options, ['key', 'value', 'name'])
    checkFunction(kind, joiner)
    if (!table.belongsTo(this.#builder)) throw foreign(kind, table.store)
    if (table.windowSizeMs !== undefined) {
      throw configError(
        kind,
        'takes a table without windows',
        table.store,
        'Join with a table(…) or an aggregate by key.',
      )
    }
    const key = options.key ?? this.#key
    const name = this.#builder.uniqueName(`${this.#node}.${kind}`)
    const stream = this.#rekeyed
      ? this.#repartitioned(this.#repartitionName(options.name, kind), key, options.value ?? this.#value, undefined)
      : this
    const parents = [stream.#node]
    const node = this.#builder.add({ kind, name, parents, store: table.store, joiner, keySerde: key })
    return this.#next(node, key, this.#value, false)
  }

  #grouped(options: GivenSerdes & RepartitionName): KGroupedStream<K, V> {
    const key = needed(options.key ?? this.#key, 'groupByKey.key')
    const value = options.value ?? this.#value
    let shared: string | undefined
    const source = (store: string): string => {
      if (!this.#rekeyed) return this.#node
      if (options.name === undefined) return this.#repartitioned(store, key, value, undefined).#node
      shared ??= this.#repartitioned(options.name, key, value, undefined).#node
      return shared
    }
    return new KGroupedStream({ builder: this.#builder, key, value, source })
  }

  #repartitionName(given: string | undefined, step: string): string {
    if (given !== undefined) return given
    const wanted = `${this.#node}.${step}`
    if (this.#builder.autoNames) return this.#builder.uniqueName(wanted)
    const fix = `Give { name: '…' }, or pass { autoNames: true } to defineTopology.`
    throw configError(
      `${wanted} name`,
      'is missing: the key has changed, so records go through a topic of this name',
      given,
      fix,
    )
  }

  #repartitioned(
    name: string,
    givenKey: AnySerde | undefined,
    givenValue: AnySerde | undefined,
    partitions: number | undefined,
  ): KStream<K, V, 'known', 'known'> {
    const keySerde = needed(givenKey, `repartition ${name} key`)
    const valueSerde = needed(givenValue, `repartition ${name} value`)
    this.#builder.addRepartition({ name, partitions })
    const topic = { name, internal: true }
    this.#builder.add({
      kind: 'sink',
      name: this.#builder.uniqueName(`${name}-repartition-sink`),
      parents: [this.#node],
      topic,
      keySerde,
      valueSerde,
      partitioner: undefined,
    })
    const sourceName = this.#builder.uniqueName(`${name}-repartition`)
    const node = this.#builder.add({ kind: 'source', name: sourceName, parents: [], topic, keySerde, valueSerde })
    return new KStream(this.#builder, node, keySerde, valueSerde, false)
  }

  #step(kind: FunctionNode['kind'], run: AnyFunction, keySerde?: AnySerde): string {
    checkFunction(kind, run)
    const name = this.#builder.uniqueName(`${this.#node}.${kind}`)
    return this.#builder.add({ kind, name, parents: [this.#node], run, keySerde })
  }

  #next<L, R, A extends Knowledge, B extends Knowledge>(
    node: string,
    key: AnySerde | undefined,
    value: AnySerde | undefined,
    rekeyed: boolean,
  ): KStream<L, R, A, B> {
    return new KStream<L, R, A, B>(this.#builder, node, key, value, rekeyed)
  }
}

interface GivenSerdes {
  readonly key?: AnySerde | undefined
  readonly value?: AnySerde | undefined
}

function needed(serde: AnySerde | undefined, place: string): AnySerde {
  checkSerde(place, serde)
  return serde!
}

function checkFunction(step: string, run: unknown): void {
  if (typeof run !== 'function') throw configError(step, 'takes a function', run)
}

function foreign(step: string, node: string) {
  return configError(step, 'takes what belongs to the same topology', node, 'Build both inside one defineTopology.')
}

function checkedOperator(operator: unknown): AnyOperator {
  if (isOperator(operator)) return operator
  throw configError('pipe', "takes operators of 'rxjs'", operator)
}

function isOperator(given: unknown): given is AnyOperator {
  return typeof given === 'function'
}
