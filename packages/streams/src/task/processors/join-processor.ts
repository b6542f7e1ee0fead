import type { TableStore } from '@millrace/store'
import type { JoinNode, StoreSpec } from '../../topology/nodes.ts'
import type { CurrentRecord } from '../current-record.ts'
import { Processor, type TaskContext } from './processor.ts'

/**
 * Each record of the stream with what the table has for its key now; the table's own changes make nothing come out. A
 * left join keeps records without a key (KIP-962); both drop records without a value.
 */
export class JoinProcessor extends Processor {
  readonly #node: JoinNode
  readonly #spec: StoreSpec
  #store: TableStore<unknown> | undefined

  constructor(node: JoinNode, spec: StoreSpec, context: TaskContext) {
    super(node.name, context)
    this.#node = node
    this.#spec = spec
  }

  get storeName(): string {
    return this.#spec.name
  }

  use(store: TableStore<unknown>): void {
    this.#store = store
  }

  override process(record: CurrentRecord): void {
    const { dropped, errors } = this.context
    const inner = this.#node.kind === 'join'
    if (!record.hasValue) {
      dropped.add('null-value', this.name)
      return
    }
    if (inner && !record.hasKey) {
      dropped.add('null-key', this.name)
      return
    }
    const cell = record.hasKey
      ? this.#store!.get(record.keyText(this.#node.keySerde ?? this.#spec.keySerde))
      : undefined
    if (inner && cell === undefined) {
      dropped.add('no-table-value', this.name)
      return
    }
    const value = record.value()
    const tableValue = cell === undefined ? null : cell.value
    const key = record.key()
    let joined: unknown
    try {
      joined = this.#node.joiner(value, tableValue, key)
    } catch (cause) {
      errors.processing(cause, this.name)
      return
    }
    this.forwardValue(record, joined)
  }
}
