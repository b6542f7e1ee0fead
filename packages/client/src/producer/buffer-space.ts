import { assert } from '@millrace/kernel'
import { abortError } from '../cluster/backoff.ts'

interface Waiter {
  resolve(): void
  reject(error: Error): void
}

/** What a producer holds of records that are unsent or unacknowledged, and who waits for room among them. */
export class BufferSpace {
  readonly #bytesMax: number
  /** Whoever gives up leaves it at once. */
  readonly #waiters = new Set<Waiter>()
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get full(): boolean {
    return this.#bytes >= this.#bytesMax
  }

  take(bytes: number): void {
    this.#bytes += bytes
  }

  free(bytes: number): void {
    this.#bytes -= bytes
    assert(this.#bytes >= 0, 'bytes are freed once')
    if (!this.full) this.#end((waiter) => waiter.resolve())
  }

  /** Resolves when there is room again. @throws ABORTED as soon as the signal fires; what `fail` is given */
  wait(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: () => {
          signal?.removeEventListener('abort', abort)
          resolve()
        },
        reject: (error) => {
          signal?.removeEventListener('abort', abort)
          reject(error)
        },
      }
      const abort = () => {
        this.#waiters.delete(waiter)
        if (signal !== undefined) reject(abortError(signal))
      }
      if (signal?.aborted === true) abort()
      else {
        this.#waiters.add(waiter)
        signal?.addEventListener('abort', abort, { once: true })
      }
    })
  }

  /** There will never be room again. */
  fail(error: Error): void {
    this.#end((waiter) => waiter.reject(error))
  }

  #end(tell: (waiter: Waiter) => void): void {
    if (this.#waiters.size === 0) return
    const waiters = [...this.#waiters]
    this.#waiters.clear()
    for (const waiter of waiters) tell(waiter)
  }
}
