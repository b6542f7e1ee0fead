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
      return await orAborted(attempt(), signal)
    } catch (error) {
      failure = error
    }
    const remedy = remedyFor(failure)
    if (remedy !== 'retry' && remedy !== 'refresh-metadata') throw failure
    const pause = backoff.next()
    if (clock.monotonicMs() + pause >= deadline) throw failure
    await orAborted(clock.sleep(pause, signal), signal)
    // A refresh that fails too is no reason to stop: the next attempt says whether the cluster is back.
    if (remedy === 'refresh-metadata')
      await orAborted(
        (options.refresh?.() ?? Promise.resolve()).catch(() => undefined),
        signal,
      )
  }
}

/**
 * What a promise brings, or ABORTED as soon as the signal fires: a connection that does not come about, or an answer that
 * stays out, holds nobody up who has given up. What was begun goes on, and its end is nobody's concern.
 */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise
  let abort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(abortError(signal))
  })
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort)
  try {
    return await Promise.race([aborted, promise])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** ABORTED, with the signal's reason as cause. */
export function abortError(signal: AbortSignal): MillraceError {
  return new MillraceError('ABORTED', 'the call was aborted', { cause: signal.reason })
}

/** @throws ABORTED with the signal's reason as cause. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw abortError(signal)
}
