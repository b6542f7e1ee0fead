/** Slots of the shared numbers. */
const slot = {
  records: 0,
  bytes: 1,
  done: 2,
  total: 3,
  lag: 4,
  retries: 5,
  skipped: 6,
  deadLettered: 7,
  commits: 8,
  retryingSinceMs: 9,
} as const

type Slot = keyof typeof slot

/** What a task has counted so far. -1: not known. */
export interface TaskCounts {
  /** Records appended by a source, or taken by a sink. */
  readonly records: number
  readonly bytes: number
  /** In the task's own units: rows, bytes of a file; for a sink, records. */
  readonly done: number
  readonly total: number
  /** Records a sink has still to read. */
  readonly lag: number
  /** Tries beyond the first, while a system could not be reached. */
  readonly retries: number
  /** Bad records passed over, dead-lettered or not. */
  readonly skipped: number
  readonly deadLettered: number
  /** Commits of positions. */
  readonly commits: number
  /** 0: not retrying. */
  readonly retryingSinceMs: number
}

/**
 * Numbers that a task writes and the main thread reads, in shared memory: no message, no polling of the task. A
 * number may be a little old.
 */
export class TaskCounters {
  readonly shared: SharedArrayBuffer
  readonly #slots: Float64Array

  constructor(shared = new SharedArrayBuffer(Object.keys(slot).length * 8)) {
    this.shared = shared
    this.#slots = new Float64Array(shared)
  }

  /** Forgets what an earlier run of the task counted of its progress; sums go on. */
  restart(): void {
    this.set('done', 0)
    this.set('total', -1)
    this.set('lag', -1)
    this.set('retryingSinceMs', 0)
  }

  add(name: Slot, count: number): void {
    this.#slots[slot[name]]! += count
  }

  set(name: Slot, value: number): void {
    this.#slots[slot[name]] = value
  }

  read(): TaskCounts {
    const at = (name: Slot) => this.#slots[slot[name]]!
    return {
      records: at('records'),
      bytes: at('bytes'),
      done: at('done'),
      total: at('total'),
      lag: at('lag'),
      retries: at('retries'),
      skipped: at('skipped'),
      deadLettered: at('deadLettered'),
      commits: at('commits'),
      retryingSinceMs: at('retryingSinceMs'),
    }
  }
}
