import { MillraceError } from '@millrace/kernel'
import { Observable, Subscriber } from 'rxjs'
import type { AnyOperator } from '../../topology/erased.ts'
import type { PipeNode } from '../../topology/nodes.ts'
import type { CurrentRecord } from '../current-record.ts'
import { type HiddenState, subscribeSites } from '../hidden-state.ts'
import { Processor, type TaskContext } from './processor.ts'

/** What comes out of one operator: goes straight into the next operator's own subscriber. */
class Relay extends Subscriber<unknown> {
  to: Subscriber<unknown> | undefined
  readonly #stage: PipeProcessor
  readonly #at: number

  constructor(stage: PipeProcessor, at: number) {
    super()
    this.#stage = stage
    this.#at = at
  }

  override next(value: unknown): void {
    const stage = this.#stage
    if (!stage.pushing) stage.outside(this.#at)
    else if (this.to !== undefined) this.to.next(value)
    else stage.leave(value)
  }

  // The methods of Subscriber are not called: they would stop this subscriber and unsubscribe the chain.
  override error(cause: unknown): void {
    this.#stage.failed(this.#at, cause)
  }

  override complete(): void {
    this.#stage.completed(this.#at)
  }
}

/**
 * RxJS operators on values. The operators are applied when the task starts, each with a relay behind it; a value is
 * pushed into the first operator's own subscriber. An operator that throws has stopped: it is built anew at once,
 * inside its `error()`. Later would lose records, as concatMap and exhaustMap count an inner that never was.
 */
export class PipeProcessor extends Processor {
  /** True while a value is on its way. What is emitted at another time belongs to no record. */
  pushing = false
  readonly #operators: readonly AnyOperator[]
  readonly #hidden: HiddenState
  readonly #inputs: (Subscriber<unknown> | undefined)[]
  readonly #relays: (Relay | undefined)[]
  #first: Subscriber<unknown> | undefined
  #record: CurrentRecord
  #stopping = false

  constructor(node: PipeNode, hidden: HiddenState, context: TaskContext) {
    super(node.name, context)
    this.#operators = node.operators
    this.#hidden = hidden
    this.#inputs = node.operators.map(() => undefined)
    this.#relays = node.operators.map(() => undefined)
    this.#record = context.record
  }

  /**
   * @throws BAD_OPERATOR for one that can be seen not to work: it holds a part of the stream, or does not subscribe at
   * once.
   */
  override start(): void {
    for (let at = this.#operators.length - 1; at >= 0; at--) this.#build(at, true)
    if (this.context.errors.fatal !== undefined) throw this.context.errors.fatal
  }

  override stop(): void {
    this.#stopping = true
    // Never complete(): that would make reduce, toArray and bufferCount emit.
    for (const relay of this.#relays) relay?.unsubscribe()
  }

  override process(record: CurrentRecord): void {
    if (!record.hasValue) {
      this.forward(record)
      return
    }
    const value = record.value()
    this.pushing = true
    try {
      this.#first!.next(value)
    } finally {
      this.pushing = false
    }
  }

  /** Nothing below may throw through the operators above: it would be taken for their error. */
  leave(value: unknown): void {
    try {
      this.forwardValue(this.#record, value)
    } catch (cause) {
      this.context.errors.caught(cause, this.name)
    }
  }

  outside(at: number): void {
    const fix = 'Operators that wait for time or promises have no place in a task.'
    this.#bad(at, 'emitted outside a push: no record is being processed', undefined, fix)
  }

  failed(at: number, cause: unknown): void {
    if (!this.pushing) {
      this.#bad(at, 'failed outside a push', cause, 'Operators must be synchronous.')
      return
    }
    this.#relays[at]?.unsubscribe()
    this.#build(at, false)
    this.context.errors.processing(cause, this.#where(at))
  }

  completed(at: number): void {
    if (this.#stopping) return
    this.#bad(
      at,
      'completed: a stream does not end',
      undefined,
      'Use filter in place of take, first, takeWhile and find.',
    )
  }

  #build(at: number, starting: boolean): void {
    let input: Subscriber<unknown> | undefined
    let sites: ReadonlySet<string> = new Set()
    const relay = new Relay(this, at)
    relay.to = this.#inputs[at + 1]
    const source = new Observable<unknown>((subscriber) => {
      input = subscriber
      if (starting) sites = subscribeSites()
    })
    this.#operators[at]!(source).subscribe(relay)
    if (input === undefined)
      throw this.#error(at, 'did not subscribe to its source at once', undefined, 'Operators must be synchronous.')
    this.#inputs[at] = input
    this.#relays[at] = relay
    if (at === 0) this.#first = input
    else if (this.#relays[at - 1] !== undefined) this.#relays[at - 1]!.to = input
    if (starting) this.#hidden.check(sites, this.#where(at))
  }

  #bad(at: number, problem: string, cause: unknown, fix: string): void {
    this.context.errors.fail(this.#error(at, problem, cause, fix))
  }

  #error(at: number, problem: string, cause: unknown, fix: string): MillraceError {
    return new MillraceError('BAD_OPERATOR', problem, { place: this.#where(at), cause, fix })
  }

  #where(at: number): string {
    return `${this.name} (operator ${at + 1} of ${this.#operators.length})`
  }
}
