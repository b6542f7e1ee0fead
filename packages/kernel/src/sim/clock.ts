import { nodeClock } from '../node/clock.ts'
import type { Clock, Timer } from '../ports/clock.ts'

interface SimTimer {
  readonly atMs: number
  /** Breaks ties: timers of the same instant fire in the order in which they were set. */
  readonly order: number
  readonly callback: () => void
}

/**
 * Time that stands still until `advance`. Timers fire by instant, then in the order in which they were set, and between
 * two the promises that the first has settled run to their end, as on a real loop.
 */
export class SimClock implements Clock {
  #nowMs: number
  #elapsedMs = 0
  #order = 0
  readonly #timers = new Set<SimTimer>()
  readonly #real = nodeClock()

  /** @param startMs milliseconds since 1970 */
  constructor(startMs = 0) {
    this.#nowMs = startMs
  }

  /** Timers not fired and not cancelled. */
  get pendingTimers(): number {
    return this.#timers.size
  }

  nowMs(): number {
    return this.#nowMs
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { atMs: this.#elapsedMs + Math.max(0, delayMs), order: this.#order++, callback }
    this.#timers.add(timer)
    return { cancel: () => void this.#timers.delete(timer) }
  }

  sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason)
        return
      }
      const onAbort = (): void => {
        timer.cancel()
        reject(signal?.reason)
      }
      const timer = this.after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  turn(): Promise<void> {
    return this.#real.turn()
  }

  /**
   * Moves time on, firing what falls due on the way, each at its own instant; what they set in turn fires too if it is
   * due.
   */
  async advance(byMs: number): Promise<void> {
    const end = this.#elapsedMs + byMs
    await this.#real.turn()
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#fire(timer)
      await this.#real.turn()
    }
    this.#moveTo(end)
  }

  /** As `advance`, in one go: for code whose timers do all their work at once. Promises settle after it. */
  advanceSync(byMs: number): void {
    const end = this.#elapsedMs + byMs
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) this.#fire(timer)
    this.#moveTo(end)
  }

  /** Moves the wall clock alone, as an operator or NTP does. Timers and durations do not notice. */
  stepWallClock(byMs: number): void {
    this.#nowMs += byMs
  }

  #next(endMs: number): SimTimer | undefined {
    let first: SimTimer | undefined
    for (const timer of this.#timers) {
      if (timer.atMs > endMs) continue
      if (first === undefined || timer.atMs < first.atMs || (timer.atMs === first.atMs && timer.order < first.order)) {
        first = timer
      }
    }
    return first
  }

  #fire(timer: SimTimer): void {
    this.#timers.delete(timer)
    this.#moveTo(timer.atMs)
    timer.callback()
  }

  #moveTo(elapsedMs: number): void {
    this.#nowMs += elapsedMs - this.#elapsedMs
    this.#elapsedMs = elapsedMs
  }
}
