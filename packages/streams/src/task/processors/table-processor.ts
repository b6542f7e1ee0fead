import type { KeyText, TableStore } from '@millrace/store'
import type { StoreSpec } from '../../topology/nodes.ts'
import type { CurrentRecord } from '../current-record.ts'
import { Processor, type TableOwner, type TaskContext } from './processor.ts'

/** Keeps the latest value of each key. What is behind hears of it when the cache is flushed. */
export class TableProcessor extends Processor implements TableOwner {
  readonly #spec: StoreSpec
  #store: TableStore<unknown> | undefined

  constructor(name: string, spec: StoreSpec, context: TaskContext) {
    super(name, context)
    this.#spec = spec
  }

  get storeName(): string {
    return this.#spec.name
  }

  use(store: TableStore<unknown>): void {
    this.#store = store
  }

  override process(record: CurrentRecord): void {
    if (!record.hasKey) {
      this.context.dropped.add('null-key', this.name)
      return
    }
    const key = record.keyText(this.#spec.keySerde)
    const value = record.value()
    if (value === null) this.#store!.delete(key, record.timestampMs)
    else this.#store!.put(key, value, record.timestampMs)
  }

  changed(key: KeyText, _windowStartMs: number, value: unknown, raw: Buffer | null, timestampMs: number): void {
    const { record } = this.context
    const { keySerde, valueSerde } = this.#spec
    record.update(key, 0, 0, keySerde, value, raw, valueSerde, timestampMs)
    this.forward(record)
  }
}
