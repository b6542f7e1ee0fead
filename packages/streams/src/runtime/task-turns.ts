import type { Clock } from '@millrace/kernel'

/** A task as it is given turns. */
export interface TurnTaking {
  /** How many records were processed. */
  process(recordsMax: number): number
  /** Its caches are full of changes. */
  readonly commitWanted: boolean
}

/**
 * Why the tasks stopped: nothing is left to process; the time was over; the producer holds as much as it may; a task
 * asks for a commit.
 */
export type TurnsEnd = 'idle' | 'time' | 'full' | 'commit'

/** A turn aims at this, whatever a record costs: between turns the thread looks at the clock. */
const turnMs = 2
const recordsMax = 4096
const recordsAtFirst = 64

/**
 * Tasks of a thread take turns, equal in time and not in records, so that one with costly records does not starve the
 * others, nor the heartbeats, queries and answers of brokers that wait for the thread. Whoever is next goes on where
 * the
 * last call stopped.
 */
export class TaskTurns {
  readonly #clock: Clock
  readonly #full: () => boolean
  readonly #sizes = new WeakMap<TurnTaking, number>()
  #next = 0

  constructor(clock: Clock, full: () => boolean) {
    this.#clock = clock
    this.#full = full
  }

  /** Round and round until `sliceMs` are over. At least one turn, if there is a task. */
  run(tasks: readonly TurnTaking[], sliceMs: number): TurnsEnd {
    let nowMs = this.#clock.monotonicMs()
    const untilMs = nowMs + sliceMs
    for (let without = 0; without < tasks.length; ) {
      if (this.#full()) return 'full'
      this.#next = (this.#next + 1) % tasks.length
      const task = tasks[this.#next]!
      const size = this.#sizes.get(task) ?? recordsAtFirst
      const done = task.process(size)
      if (task.commitWanted) return 'commit'
      if (done === 0) {
        without++
        continue
      }
      without = 0
      const endMs = this.#clock.monotonicMs()
      this.#adapt(task, size, done, endMs - nowMs)
      nowMs = endMs
      if (nowMs >= untilMs) return 'time'
    }
    return this.#full() ? 'full' : 'idle'
  }

  #adapt(task: TurnTaking, size: number, done: number, tookMs: number): void {
    if (tookMs > 2 * turnMs) this.#sizes.set(task, Math.max(1, Math.floor((done * turnMs) / tookMs)))
    else if (done === size && tookMs < turnMs / 2) this.#sizes.set(task, Math.min(recordsMax, size * 2))
  }
}
