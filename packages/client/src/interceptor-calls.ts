import { type Counter, type Log, messageOf } from '@millrace/kernel'

interface Closable {
  close?(): void | Promise<void>
}

/** Calls interceptors in order. What one of them throws costs nobody anything but a line and a count. */
export class InterceptorCalls<I extends Closable> {
  readonly list: readonly I[]
  readonly #failures: Counter
  readonly #log: Log

  constructor(list: readonly I[], failures: Counter, log: Log) {
    this.list = list
    this.#failures = failures
    this.#log = log
  }

  /** What `run` returns, or `otherwise` where it throws. */
  guarded<T>(call: string, otherwise: T, run: () => T): T {
    try {
      return run()
    } catch (error) {
      this.#failed(call, error)
      return otherwise
    }
  }

  async close(): Promise<void> {
    for (const interceptor of this.list) {
      await Promise.resolve()
        .then(() => interceptor.close?.())
        .catch((error: unknown) => this.#failed('close', error))
    }
  }

  #failed(call: string, error: unknown): void {
    this.#failures.add()
    this.#log.warn('an interceptor threw', { call, error: messageOf(error) })
  }
}
