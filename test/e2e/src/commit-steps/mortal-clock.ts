import type { Clock, Timer } from '@millrace/kernel'

const never = new Promise<never>(() => undefined)

/** The clock of a process that may be killed: no timer of a dead one fires, and who sleeps never wakes. */
export class MortalClock implements Clock {
  readonly #inner: Clock
  /** Pauses and time limits are over so many times sooner. */
  readonly #haste: number
  readonly #timers = new Set<Timer>()
  #isDead = false

  constructor(inner: Clock, haste = 1) {
    this.#inner = inner
    this.#haste = haste
  }

  nowMs(): number {
    return this.#inner.nowMs()
  }

  monotonicMs(): number {
    return this.#inner.monotonicMs() * this.#haste
  }

  after(delayMs: number, callback: () => void, background?: 'background'): Timer {
    if (this.#isDead) return { cancel: () => undefined }
    const timer = this.#inner.after(
      delayMs / this.#haste,
      () => {
        this.#timers.delete(timer)
        callback()
      },
      background,
    )
    this.#timers.add(timer)
    return {
      cancel: () => {
        this.#timers.delete(timer)
        timer.cancel()
      },
    }
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (this.#isDead) return never
    if (signal?.aborted === true) return Promise.reject(signal.reason)
    return new Promise((resolve, reject) => {
      const abort = () => {
        timer.cancel()
        reject(signal?.reason)
      }
      const timer = this.after(delayMs, () => {
        signal?.removeEventListener('abort', abort)
        resolve()
      })
      signal?.addEventListener('abort', abort, { once: true })
    })
  }

  turn(): Promise<void> {
    return this.#inner.turn().then(() => (this.#isDead ? never : undefined))
  }

  die(): void {
    this.#isDead = true
    for (const timer of this.#timers) timer.cancel()
    this.#timers.clear()
  }
}
