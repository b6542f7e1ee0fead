import type { AnyFunction } from '../../topology/erased.ts'
import type { CurrentRecord } from '../current-record.ts'
import { Processor, type TaskContext } from './processor.ts'

/** Passes records on for which the predicate says `wanted`. Tombstones pass: they have no value to judge. */
export class FilterProcessor extends Processor {
  readonly #predicate: AnyFunction
  readonly #wanted: boolean

  constructor(name: string, predicate: AnyFunction, wanted: boolean, context: TaskContext) {
    super(name, context)
    this.#predicate = predicate
    this.#wanted = wanted
  }

  override process(record: CurrentRecord): void {
    if (!record.hasValue) {
      this.forward(record)
      return
    }
    const value = record.value()
    const key = record.key()
    let verdict: boolean
    try {
      verdict = Boolean(this.#predicate(value, key))
    } catch (cause) {
      this.context.errors.processing(cause, this.name)
      return
    }
    if (verdict === this.#wanted) this.forward(record)
  }
}
