import type { Clock } from '@millrace/kernel'

const minuteMs = 60_000
/** Things told apart within a minute. */
const keysMost = 10_000

/**
 * How many lines a minute may be logged about one thing: what strangers do must not fill the disk. All of it is counted
 * in metrics.
 */
export class LogBudget {
  readonly #clock: Clock
  readonly #linesMost: number
  readonly #lines = new Map<string, number>()
  #sinceMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, linesMost: number) {
    this.#clock = clock
    this.#linesMost = linesMost
  }

  /** What to say besides, if a line may be logged about it: the last one says that it is the last. */
  take(key: string): { readonly note?: string } | undefined {
    const nowMs = this.#clock.monotonicMs()
    if (nowMs - this.#sinceMs >= minuteMs) {
      this.#sinceMs = nowMs
      this.#lines.clear()
    }
    const lines = (this.#lines.get(key) ?? 0) + 1
    if (lines > this.#linesMost || (lines === 1 && this.#lines.size >= keysMost)) return undefined
    this.#lines.set(key, lines)
    return lines < this.#linesMost ? {} : { note: 'more of them within a minute are counted and not logged' }
  }
}
