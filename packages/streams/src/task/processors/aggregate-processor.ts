import { windowed } from '@millrace/schema'
import type { Cell, KeyText, TableStore, WindowStore } from '@millrace/store'
import type { AnySerde } from '../../topology/erased.ts'
import type { AggregateNode, StoreSpec, WindowSpec } from '../../topology/nodes.ts'
import type { CurrentRecord } from '../current-record.ts'
import { Processor, type TableOwner, type TaskContext } from './processor.ts'

/** Drops what Kafka's aggregations drop, and works out the next value of a key. */
abstract class Aggregation extends Processor implements TableOwner {
  protected readonly node: AggregateNode
  protected readonly spec: StoreSpec
  /** Of the table's keys: with the window, where there is one. */
  readonly #tableKey: AnySerde

  constructor(node: AggregateNode, spec: StoreSpec, context: TaskContext) {
    super(node.name, context)
    this.node = node
    this.spec = spec
    const { keySerde, windows } = node
    this.#tableKey = windows === undefined ? keySerde : windowed<unknown>(keySerde, { ms: windows.sizeMs })
  }

  get storeName(): string {
    return this.spec.name
  }

  override process(record: CurrentRecord): void {
    if (!record.hasKey) {
      this.context.dropped.add('null-key', this.name)
      return
    }
    if (!record.hasValue) {
      this.context.dropped.add('null-value', this.name)
      return
    }
    this.add(record, record.keyText(this.node.keySerde))
  }

  changed(key: KeyText, windowStartMs: number, value: unknown, raw: Buffer | null, timestampMs: number): void {
    const { record } = this.context
    const { windowSizeMs, valueSerde } = this.spec
    record.update(key, windowStartMs, windowSizeMs, this.#tableKey, value, raw, valueSerde, timestampMs)
    this.forward(record)
  }

  protected abstract add(record: CurrentRecord, key: KeyText): void

  /** The value after this record; `failed` when the user's function threw. */
  protected combine(record: CurrentRecord, cell: Cell<unknown> | undefined): unknown {
    const { combines, combine, initial } = this.node
    if (combines === 'count') return cell === undefined ? 1 : Number(cell.value) + 1
    const value = record.value()
    if (combines === 'reduce' && cell === undefined) return value
    const key = combines === 'reduce' ? null : record.key()
    try {
      return combine!(cell === undefined ? initial!() : cell.value, value, key)
    } catch (cause) {
      this.context.errors.processing(cause, this.name)
      return failed
    }
  }
}

const failed = Symbol('failed')

/** One value per key. */
export class AggregateProcessor extends Aggregation {
  #store: TableStore<unknown> | undefined

  use(store: TableStore<unknown>): void {
    this.#store = store
  }

  protected override add(record: CurrentRecord, key: KeyText): void {
    const store = this.#store!
    const cell = store.get(key)
    const timestampMs = cell === undefined ? record.timestampMs : Math.max(cell.timestampMs, record.timestampMs)
    const value = this.combine(record, cell)
    if (value === failed) return
    if (value === null || value === undefined) store.delete(key, timestampMs)
    else store.put(key, value, timestampMs)
  }
}

/** One value per key and window. A window takes records while its end lies after stream time less the grace. */
export class WindowedAggregateProcessor extends Aggregation {
  /** The latest timestamp that came here; committed with the input positions. */
  streamTimeMs = -1
  readonly #windows: WindowSpec
  #store: WindowStore<unknown> | undefined

  constructor(node: AggregateNode, windows: WindowSpec, spec: StoreSpec, context: TaskContext) {
    super(node, spec, context)
    this.#windows = windows
  }

  use(store: WindowStore<unknown>): void {
    this.#store = store
  }

  /** Drops windows that are past their retention. */
  expire(): void {
    if (this.streamTimeMs >= 0) this.#store!.expire(this.streamTimeMs)
  }

  protected override add(record: CurrentRecord, key: KeyText): void {
    const store = this.#store!
    const { sizeMs, graceMs } = this.#windows
    const at = record.timestampMs
    if (at > this.streamTimeMs) this.streamTimeMs = at
    const startMs = at - (at % sizeMs)
    if (startMs + sizeMs <= this.streamTimeMs - graceMs) {
      this.context.dropped.add('late', this.name)
      return
    }
    const cell = store.get(key, startMs)
    const timestampMs = cell === undefined ? at : Math.max(cell.timestampMs, at)
    const value = this.combine(record, cell)
    if (value === failed) return
    if (value === null || value === undefined) store.delete(key, startMs, timestampMs)
    else store.put(key, startMs, value, timestampMs)
  }
}
