import { configError } from '@millrace/kernel'
import { type Duration, long, type Serde, type Windowed, windowed } from '@millrace/schema'
import type { AnyCombine, AnySerde } from '../topology/erased.ts'
import type { AggregateNode, WindowSpec } from '../topology/nodes.ts'
import type { TopologyBuilder } from '../topology/topology-builder.ts'
import { KTable } from './k-table.ts'
import { refuseUnknown, retentionOf, type StoreOptions, type WindowStoreOptions } from './stores.ts'
import type { TumblingWindows } from './tumbling.ts'

/** An aggregate's own value needs a serde. */
export interface AggregateOptions<A> extends StoreOptions {
  readonly value: Serde<A>
}

export interface WindowAggregateOptions<A> extends WindowStoreOptions {
  readonly value: Serde<A>
}

/**
 * Where a grouped stream comes from; `source(store)` makes the repartition where one is needed, named after the store.
 * @internal
 */
export interface Grouping {
  readonly builder: TopologyBuilder
  readonly key: AnySerde
  readonly value: AnySerde | undefined
  source(store: string): string
}

/**
 * A stream by key, to be aggregated. Records with a null key or a null value are dropped, counted as `null-key` and
 * `null-value`. An aggregate's timestamp is the latest of its records'.
 */
export class KGroupedStream<K, V> {
  readonly #grouping: Grouping

  /** @internal */
  constructor(grouping: Grouping) {
    this.#grouping = grouping
  }

  /** Aggregates per key and window of event time. */
  windowedBy(windows: TumblingWindows): TimeWindowedKStream<K, V> {
    if (windows?.spec?.kind !== 'tumbling') {
      throw configError(
        'windowedBy',
        'takes windows',
        windows,
        'For example tumbling({ minutes: 1 }).grace({ seconds: 5 }).',
      )
    }
    return new TimeWindowedKStream(this.#grouping, windows.spec)
  }

  /** How many records each key has. Values are not decoded. */
  count(options: StoreOptions = {}): KTable<K, number> {
    refuseUnknown('count', options, ['store'])
    return this.#table('count', options.store, long())
  }

  /** `reducer` gets the key's value so far and the record's; the first record is the first value. */
  reduce(reducer: (aggregate: V, value: V) => V, options: StoreOptions = {}): KTable<K, V> {
    refuseUnknown('reduce', options, ['store'])
    return this.#table(
      'reduce',
      options.store,
      knownValue(this.#grouping, 'reduce'),
      undefined,
      checked('reduce', reducer),
    )
  }

  /** As `scan`: `add` gets the aggregate so far (at first `initial()`), the record's value and its key. */
  aggregate<A>(
    initial: () => A,
    add: (aggregate: A, value: V, key: K) => A,
    options: AggregateOptions<A>,
  ): KTable<K, A> {
    refuseUnknown('aggregate', options, ['store', 'value'])
    return this.#table(
      'aggregate',
      options.store,
      options.value,
      checked('aggregate', initial),
      checked('aggregate', add),
    )
  }

  #table<A>(
    combines: AggregateNode['combines'],
    given: string | undefined,
    value: AnySerde,
    initial?: () => unknown,
    combine?: AnyCombine,
  ): KTable<K, A> {
    const { builder, key } = this.#grouping
    const store = builder.storeName(given, combines)
    const spec = {
      name: store,
      kind: 'table',
      keySerde: key,
      valueSerde: value,
      windowSizeMs: 0,
      retentionMs: 0,
    } as const
    builder.addStore(spec)
    const parents = [this.#grouping.source(store)]
    const name = builder.uniqueName(store)
    builder.add({
      kind: 'aggregate',
      name,
      parents,
      store,
      combines,
      initial,
      combine,
      keySerde: key,
      windows: undefined,
    })
    return new KTable(builder, name, store, key, value, undefined)
  }
}

/**
 * As `KGroupedStream`, per window. A record is taken while stream time (the latest timestamp that reached this step) is
 * before the end of its window plus the grace; else it is dropped and counted as `late`.
 */
export class TimeWindowedKStream<K, V> {
  readonly #grouping: Grouping
  readonly #windows: WindowSpec

  /** @internal */
  constructor(grouping: Grouping, windows: WindowSpec) {
    this.#grouping = grouping
    this.#windows = windows
  }

  /** How many records each key has in each window. Values are not decoded. */
  count(options: WindowStoreOptions = {}): KTable<Windowed<K>, number> {
    refuseUnknown('count', options, ['store', 'retention'])
    return this.#table('count', options, long())
  }

  /** `reducer` gets the window's value so far and the record's; the first record is the first value. */
  reduce(reducer: (aggregate: V, value: V) => V, options: WindowStoreOptions = {}): KTable<Windowed<K>, V> {
    refuseUnknown('reduce', options, ['store', 'retention'])
    return this.#table('reduce', options, knownValue(this.#grouping, 'reduce'), undefined, checked('reduce', reducer))
  }

  /** As `scan`: `add` gets the window's aggregate so far (at first `initial()`), the record's value and its key. */
  aggregate<A>(
    initial: () => A,
    add: (aggregate: A, value: V, key: K) => A,
    options: WindowAggregateOptions<A>,
  ): KTable<Windowed<K>, A> {
    refuseUnknown('aggregate', options, ['store', 'retention', 'value'])
    return this.#table('aggregate', options, options.value, checked('aggregate', initial), checked('aggregate', add))
  }

  #table<A>(
    combines: AggregateNode['combines'],
    options: { readonly store?: string | undefined; readonly retention?: Duration | undefined },
    value: AnySerde,
    initial?: () => unknown,
    combine?: AnyCombine,
  ): KTable<Windowed<K>, A> {
    const { builder, key } = this.#grouping
    const windows = this.#windows
    const store = builder.storeName(options.store, combines)
    const retentionMs = retentionOf(store, windows, options.retention)
    builder.addStore({
      name: store,
      kind: 'window',
      keySerde: key,
      valueSerde: value,
      windowSizeMs: windows.sizeMs,
      retentionMs,
    })
    const parents = [this.#grouping.source(store)]
    const name = builder.uniqueName(store)
    builder.add({ kind: 'aggregate', name, parents, store, combines, initial, combine, keySerde: key, windows })
    return new KTable(builder, name, store, windowed(key, { ms: windows.sizeMs }), value, windows.sizeMs)
  }
}

function knownValue({ value }: Grouping, step: string): AnySerde {
  if (value !== undefined) return value
  throw configError(
    `${step}.value`,
    'has no known serde',
    undefined,
    'Give one where the stream is grouped: { value: json() }.',
  )
}

function checked<F>(step: string, run: F): F {
  if (typeof run !== 'function') throw configError(step, 'takes a function', run)
  return run
}
