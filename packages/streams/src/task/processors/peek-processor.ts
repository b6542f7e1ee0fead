import type { AnyFunction } from '../../topology/erased.ts'
import type { CurrentRecord } from '../current-record.ts'
import { Processor, type TaskContext } from './processor.ts'

/** Shows each record to a function and passes it on. Tombstones pass unseen. */
export class PeekProcessor extends Processor {
  readonly #look: AnyFunction

  constructor(name: string, look: AnyFunction, context: TaskContext) {
    super(name, context)
    this.#look = look
  }

  override process(record: CurrentRecord): void {
    if (record.hasValue) {
      const value = record.value()
      const key = record.key()
      try {
        this.#look(value, key)
      } catch (cause) {
        this.context.errors.processing(cause, this.name)
        return
      }
    }
    this.forward(record)
  }
}
