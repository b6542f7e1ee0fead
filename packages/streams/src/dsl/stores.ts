import { configError, nearest } from '@millrace/kernel'
import { type Duration, durationMs } from '@millrace/schema'
import type { AnySerde } from '../topology/erased.ts'
import type { WindowSpec } from '../topology/nodes.ts'
import type { TopologyBuilder } from '../topology/topology-builder.ts'
import { KTable } from './k-table.ts'

/** Where a step keeps its state. */
export interface StoreOptions {
  /**
   * Names the store, its changelog topic and what can be asked for over HTTP. Needed unless the topology has
   * `autoNames`.
   */
  readonly store?: string | undefined
}

/** For windowed state. */
export interface WindowStoreOptions extends StoreOptions {
  /**
   * How long windows are kept behind stream time, counted from their start. @default size + grace, the least allowed
   */
  readonly retention?: Duration | undefined
}

/** A table over `parent`'s records, materialised. */
export function addTable<K, V>(
  builder: TopologyBuilder,
  parent: string,
  key: AnySerde,
  value: AnySerde,
  options: StoreOptions = {},
): KTable<K, V> {
  refuseUnknown('table', options, ['store'])
  const store = builder.storeName(options.store, `${parent}.table`)
  builder.addStore({ name: store, kind: 'table', keySerde: key, valueSerde: value, windowSizeMs: 0, retentionMs: 0 })
  const node = builder.add({ kind: 'table', name: builder.uniqueName(store), parents: [parent], store })
  return new KTable(builder, node, store, key, value, undefined)
}

/** @throws CONFIG when windows would be dropped that may still take records. */
export function retentionOf(store: string, windows: WindowSpec, given: Duration | undefined): number {
  const least = windows.sizeMs + windows.graceMs
  const retentionMs = given === undefined ? least : durationMs(given, `store ${store} retention`)
  if (retentionMs >= least) return retentionMs
  throw configError(`store ${store} retention`, `must be at least size + grace, ${least} ms`, given)
}

/** @throws CONFIG for an option that does not exist. */
export function refuseUnknown(step: string, given: object, known: readonly string[]): void {
  for (const option of Object.keys(given)) {
    if (known.includes(option)) continue
    const near = nearest(option, known)
    const fix = near === undefined ? `Known are ${known.join(', ')}.` : `Did you mean ${near}?`
    throw configError(`${step}.${option}`, 'is not an option', option, fix)
  }
}
