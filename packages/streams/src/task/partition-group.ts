import type { Clock } from '@millrace/kernel'
import type { PartitionQueue } from './partition-queue.ts'

/**
 * Chooses the next record of a task: the one with the lowest timestamp among the heads of its inputs, ties to the input
 * that comes first. An empty input is waited for while the broker is known to have more of it, or may have; one that
 * has caught up for `maxTaskIdleMs` (KIP-695).
 */
export class PartitionGroup {
  readonly #queues: readonly PartitionQueue[]
  readonly #clock: Clock
  readonly #maxTaskIdleMs: number
  /** Where the last record came from, and the time up to which it goes on being the choice. */
  #current: PartitionQueue | undefined
  #untilMs = Number.NEGATIVE_INFINITY
  #idleSinceMs: number | undefined

  constructor(queues: readonly PartitionQueue[], clock: Clock, maxTaskIdleMs: number) {
    this.#queues = queues
    this.#clock = clock
    this.#maxTaskIdleMs = maxTaskIdleMs
  }

  /** Something was buffered, or a lag became known: choose anew. */
  changed(): void {
    this.#current = undefined
  }

  /** The queue whose head is next; undefined: nothing is buffered, or an input must be waited for. */
  next(): PartitionQueue | undefined {
    const current = this.#current
    if (current !== undefined && !current.empty && current.headMs < this.#untilMs) return current
    return this.#choose()
  }

  ready(): boolean {
    return this.next() !== undefined
  }

  readyInMs(): number | undefined {
    if (this.#idleSinceMs === undefined || this.#mustWaitForBroker()) return undefined
    return Math.max(0, this.#idleSinceMs + this.#maxTaskIdleMs - this.#clock.monotonicMs())
  }

  #choose(): PartitionQueue | undefined {
    this.#current = undefined
    let first: PartitionQueue | undefined
    let others = Number.POSITIVE_INFINITY
    let empties = 0
    for (const queue of this.#queues) {
      if (queue.empty) empties++
      else if (first === undefined) first = queue
      else if (queue.headMs < first.headMs) {
        others = Math.min(others, first.headMs)
        first = queue
      } else others = Math.min(others, queue.headMs)
    }
    if (first === undefined) return undefined
    if (empties > 0 && !this.#mayGoOn()) return undefined
    if (empties === 0) this.#idleSinceMs = undefined
    this.#current = first
    // With an empty input in the group each choice may be the last before a wait, but only an arrival can change it.
    this.#untilMs = others
    return first
  }

  #mayGoOn(): boolean {
    if (this.#maxTaskIdleMs < 0) return true
    if (this.#mustWaitForBroker()) return false
    if (this.#maxTaskIdleMs === 0) return true
    const now = this.#clock.monotonicMs()
    this.#idleSinceMs ??= now
    return now - this.#idleSinceMs >= this.#maxTaskIdleMs
  }

  #mustWaitForBroker(): boolean {
    return this.#queues.some((queue) => queue.empty && queue.lag !== 0)
  }
}
