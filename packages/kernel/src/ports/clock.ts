/** A started timer. Cancelling twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void
}

/** Time. The simulated one moves only when a test says so. */
export interface Clock {
  /** Wall clock, milliseconds since 1970. */
  nowMs(): number
  /** Milliseconds that never step back, with a fraction. For durations only. */
  monotonicMs(): number
  /** Runs `callback` once, `delayMs` from now. A timer keeps the process alive unless `background`. */
  after(delayMs: number, callback: () => void, background?: 'background'): Timer
  /** Resolves after `delayMs`; rejects with the signal's reason at once when it fires. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>
  /** Lets pending I/O and timers run, then goes on (`setImmediate`). For loops that would hog the thread. */
  turn(): Promise<void>
}
