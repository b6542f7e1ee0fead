/** How a running task is told to pause, go on and stop. */
export class TaskControl {
  readonly #abort = new AbortController()
  #paused = false
  #wake: (() => void) | undefined

  /** Fires when the task is to stop. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get stopping(): boolean {
    return this.#abort.signal.aborted
  }

  get paused(): boolean {
    return this.#paused && !this.stopping
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#wake?.()
  }

  stop(): void {
    this.#abort.abort()
    this.#wake?.()
  }

  /** Resolves when the task is resumed or told to stop. */
  resumed(): Promise<void> {
    if (!this.paused) return Promise.resolve()
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}
