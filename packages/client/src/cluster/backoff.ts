import { type Clock, MillraceError, type Random, remedyFor } from '@millrace/kernel'

/**
 * Pauses between attempts: doubling from `first` to `max` milliseconds, 50 ms to 1 s by default, each ±20% so that
 * clients do not march in step.
 */
export class Backoff {
  readonly #random: Random
  readonly #firstMs: number
  readonly #maxMs: number
  #failures = 0

  constructor(random: Random, { first = 50, max = 1_000 }: { readonly first?: number; readonly max?: number } = {}) {
    this.#random = random
    this.#firstMs = first
    this.#maxMs = max
  }

  get failures(): number {
    return this.#failures
  }

  /** Milliseconds to wait after one more failure. */
  next(): number {
    const base = Math.min(this.#maxMs, this.#firstMs * 2 ** Math.min(this.#failures++, 10))
    return base * (0.8 + 0.4 * this.#random.next())
  }

  reset(): void {
    this.#failures = 0
  }
}

export interface Retrying {
  readonly clock: Clock
  readonly random: Random
  /** All attempts together. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
  /** Called before another attempt when the remedy is `refresh-metadata`. */
  refresh?(): Promise<void>
}

/**
 * Runs `attempt` until it succeeds, until `remedyFor` says that trying again is pointless, or until the time is up. Throws the last error.
 */
export async function retrying<T>(options: Retrying, attempt: () => Promise<T>): Promise<T> {
  const { clock, signal } = options
  const backoff = new Backoff(options.random)
  const deadline = clock.monotonicMs() + options.timeoutMs
  for (;;) {
    throwIfAborted(signal)
    let failure: unknown
    try {
      return await attempt()
    } catch (error) {
      failure = error
    }
    const remedy = remedyFor(failure)
    if (remedy !== 'retry' && remedy !== 'refresh-metadata') throw failure
    const pause = backoff.next()
    if (clock.monotonicMs() + pause >= deadline) throw failure
    await clock.sleep(pause, signal)
    // A refresh that fails too is no reason to stop: the next attempt says whether the cluster is back.
    if (remedy === 'refresh-metadata') await options.refresh?.().catch(() => undefined)
  }
}

/** @throws ABORTED with the signal's reason as cause. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new MillraceError('ABORTED', 'the call was aborted', { cause: signal.reason })
}
