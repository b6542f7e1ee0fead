import type { Clock, Random } from '@millrace/kernel'
import { Backoff } from './backoff.ts'

interface Rest {
  readonly backoff: Backoff
  untilMs: number
}

/** Keeps a client from calling at a broker again and again that does not answer: 50 ms to a second of rest, by node. */
export class Reconnects {
  readonly #clock: Clock
  readonly #random: Random
  readonly #rests = new Map<number, Rest>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#random = random
  }

  /** Whether the last attempt failed a moment ago. */
  isResting(nodeId: number): boolean {
    return this.#leftMs(nodeId) > 0
  }

  /** Until the node may be called again; at once where nothing failed. */
  async rested(nodeId: number, signal: AbortSignal): Promise<void> {
    const leftMs = this.#leftMs(nodeId)
    if (leftMs > 0) await this.#clock.sleep(leftMs, signal)
  }

  failed(nodeId: number): void {
    const rest = this.#rests.get(nodeId) ?? { backoff: new Backoff(this.#random), untilMs: 0 }
    rest.untilMs = this.#clock.monotonicMs() + rest.backoff.next()
    this.#rests.set(nodeId, rest)
  }

  connected(nodeId: number): void {
    this.#rests.delete(nodeId)
  }

  #leftMs(nodeId: number): number {
    return (this.#rests.get(nodeId)?.untilMs ?? 0) - this.#clock.monotonicMs()
  }
}
