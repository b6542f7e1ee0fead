import type { AnyFunction } from '../../topology/erased.ts'
import type { CurrentRecord } from '../current-record.ts'
import { Processor, type TaskContext } from './processor.ts'

/** A value for a value. Tombstones pass as they are. */
export class MapValuesProcessor extends Processor {
  readonly #project: AnyFunction

  constructor(name: string, project: AnyFunction, context: TaskContext) {
    super(name, context)
    this.#project = project
  }

  override process(record: CurrentRecord): void {
    if (!record.hasValue) {
      this.forward(record)
      return
    }
    const value = record.value()
    const key = record.key()
    let projected: unknown
    try {
      projected = this.#project(value, key)
    } catch (cause) {
      this.context.errors.processing(cause, this.name)
      return
    }
    this.forwardValue(record, projected)
  }
}

/** Any number of values for a value. All are made before the first goes on, so that a throw costs the whole record. */
export class FlatMapValuesProcessor extends Processor {
  readonly #project: AnyFunction

  constructor(name: string, project: AnyFunction, context: TaskContext) {
    super(name, context)
    this.#project = project
  }

  override process(record: CurrentRecord): void {
    if (!record.hasValue) {
      this.forward(record)
      return
    }
    const value = record.value()
    const key = record.key()
    let projected: readonly unknown[]
    try {
      projected = listOf(this.#project(value, key))
    } catch (cause) {
      this.context.errors.processing(cause, this.name)
      return
    }
    for (const one of projected) this.forwardValue(record, one)
  }
}

/** @throws TypeError for what cannot be walked. */
export function listOf(given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given
  if (typeof given === 'object' && given !== null && isIterable(given)) return [...given]
  throw new TypeError(`an iterable was expected, ${typeof given} came`)
}

function isIterable(given: object): given is Iterable<unknown> {
  return Symbol.iterator in given
}
