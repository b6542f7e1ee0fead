import type { AnyFunction, AnySerde } from '../../topology/erased.ts'
import type { CurrentRecord } from '../current-record.ts'
import { listOf } from './map-values-processor.ts'
import { Processor, type TaskContext } from './processor.ts'

type Kind = 'map' | 'flatMap' | 'selectKey'

/**
 * Steps that give records another key: `[key, value]` for a record, any number of them, or a key alone. Tombstones are
 * dropped.
 */
export class MapProcessor extends Processor {
  readonly #kind: Kind
  readonly #project: AnyFunction
  readonly #keySerde: AnySerde | undefined

  constructor(name: string, kind: Kind, project: AnyFunction, keySerde: AnySerde | undefined, context: TaskContext) {
    super(name, context)
    this.#kind = kind
    this.#project = project
    this.#keySerde = keySerde
  }

  override process(record: CurrentRecord): void {
    if (!record.hasValue) {
      this.context.dropped.add('null-value', this.name)
      return
    }
    const value = record.value()
    const key = record.key()
    let projected: unknown
    try {
      projected = this.#project(value, key)
      if (this.#kind === 'flatMap') projected = listOf(projected).map(pairOf)
      else if (this.#kind === 'map') projected = [pairOf(projected)]
    } catch (cause) {
      this.context.errors.processing(cause, this.name)
      return
    }
    if (this.#kind === 'selectKey') this.#emit(record, projected, value, value)
    else for (const [newKey, newValue] of pairsOf(projected)) this.#emit(record, newKey, newValue, value)
  }

  #emit(record: CurrentRecord, key: unknown, value: unknown, before: unknown): void {
    const saved = record.setKey(key, this.#keySerde)
    record.setValue(value)
    try {
      this.forward(record)
    } finally {
      record.setValue(before)
      record.restoreKey(saved)
    }
  }
}

type Pair = readonly [unknown, unknown]

/** @throws TypeError for what is no `[key, value]`. */
function pairOf(given: unknown): Pair {
  if (Array.isArray(given) && given.length === 2) return [given[0], given[1]]
  throw new TypeError('[key, value] was expected')
}

function pairsOf(projected: unknown): readonly Pair[] {
  return Array.isArray(projected) ? projected : []
}
