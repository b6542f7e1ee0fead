import { ByteWriter } from '@millrace/kernel'
import { type KeyText, keyBytes, keyText } from '@millrace/store'
import type { AnySerde, StreamTask, TaskStore } from '@millrace/streams/internal'

/** A table of the topology over all its partitions, caches included. */
export interface TableView<K = unknown, V = unknown> {
  get(key: K): V | undefined
  /** In the order of the keys' bytes, partition by partition. */
  entries(): { key: K; value: V; timestampMs: number }[]
}

/** Windows of the topology over all partitions, caches included. `start` and `end` in milliseconds. */
export interface WindowsView<K = unknown, V = unknown> {
  get(key: K, start: number): V | undefined
  /** Windows of a key with `from <= start < to`. */
  fetch(key: K, from: number, to: number): { start: number; end: number; value: V }[]
  /** By start, then key, partition by partition. */
  entries(): { key: K; start: number; end: number; value: V; timestampMs: number }[]
}

/** The stores of this name, one a task. */
export type StoresNamed = () => readonly TaskStore[]

export function storesNamed(tasks: () => readonly StreamTask[], name: string): StoresNamed {
  return () => tasks().flatMap((task) => task.stores.get(name) ?? [])
}

export function tableView(stores: StoresNamed): TableView {
  return {
    get(key) {
      for (const { kind, store, spec } of stores()) {
        const cell = kind === 'table' ? store.get(textOf(spec.keySerde, key)) : undefined
        if (cell !== undefined) return cell.value
      }
      return undefined
    },
    entries() {
      return stores().flatMap(({ kind, store, spec }) => {
        if (kind !== 'table') return []
        return Array.from(store.range(undefined, undefined), ([text, { value, timestampMs }]) => ({
          key: keyOf(spec.keySerde, text),
          value,
          timestampMs,
        }))
      })
    },
  }
}

export function windowsView(stores: StoresNamed): WindowsView {
  return {
    get(key, start) {
      for (const { kind, store, spec } of stores()) {
        const cell = kind === 'window' ? store.get(textOf(spec.keySerde, key), start) : undefined
        if (cell !== undefined) return cell.value
      }
      return undefined
    },
    fetch(key, from, to) {
      return stores().flatMap(({ kind, store, spec }) => {
        if (kind !== 'window') return []
        const found = store.fetch(textOf(spec.keySerde, key), from, to)
        return Array.from(found, ([start, { value }]) => ({ start, end: start + spec.windowSizeMs, value }))
      })
    },
    entries() {
      return stores().flatMap(({ kind, store, spec }) => {
        if (kind !== 'window') return []
        const all = store.fetchAll(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
        return Array.from(all, ([start, text, { value, timestampMs }]) => ({
          key: keyOf(spec.keySerde, text),
          start,
          end: start + spec.windowSizeMs,
          value,
          timestampMs,
        }))
      })
    },
  }
}

function textOf(serde: AnySerde, key: unknown): KeyText {
  const out = new ByteWriter(64)
  serde.write(key, out)
  return keyText(out.bytes, 0, out.position)
}

function keyOf(serde: AnySerde, text: KeyText): unknown {
  const bytes = keyBytes(text)
  return serde.read(bytes, 0, bytes.length)
}
