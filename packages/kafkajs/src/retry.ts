import type { Ports } from '@millrace/kernel'
import { KafkaJSError, KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded } from './errors.ts'
import { toKafkaJS } from './failure.ts'

/** How often and after what pauses a failed call is tried again. */
export interface RetryOptions {
  /** Longest pause, in milliseconds. @default 30000 */
  maxRetryTime?: number
  /** First pause, in milliseconds. @default 300 */
  initialRetryTime?: number
  /** Each pause is this share longer or shorter, by chance. @default 0.2 */
  factor?: number
  /** Each pause is so many times the one before. @default 2 */
  multiplier?: number
  /** @default 5 */
  retries?: number
  /** Asked when a consumer has crashed of something that may pass. @default always */
  restartOnFailure?: (error: Error) => Promise<boolean>
}

export interface RetryPolicy {
  readonly maxRetryTime: number
  readonly initialRetryTime: number
  readonly factor: number
  readonly multiplier: number
  readonly retries: number
}

export function retryPolicy(...options: readonly (RetryOptions | undefined)[]): RetryPolicy {
  const given: RetryOptions = Object.assign({}, ...options)
  return {
    maxRetryTime: given.maxRetryTime ?? 30_000,
    initialRetryTime: given.initialRetryTime ?? 300,
    factor: given.factor ?? 0.2,
    multiplier: given.multiplier ?? 2,
    retries: given.retries ?? 5,
  }
}

/** All pauses of a policy together, without chance, at most a day: a budget for who counts in time. */
export function totalPauseMs(policy: RetryPolicy): number {
  const day = 86_400_000
  let pause = policy.initialRetryTime
  let total = 0
  for (let i = 0; i < policy.retries && total < day; i++) {
    total += pause
    if (pause >= policy.maxRetryTime) {
      total += pause * (policy.retries - i - 1)
      break
    }
    pause = Math.min(pause * policy.multiplier, policy.maxRetryTime)
  }
  return Math.min(total, day)
}

/** The growing pauses between attempts at one thing. */
export class RetryPauses {
  readonly #policy: RetryPolicy
  readonly #random: Ports['random']
  retryCount = 0
  retryTime: number

  constructor(policy: RetryPolicy, random: Ports['random']) {
    this.#policy = policy
    this.#random = random
    this.retryTime = this.#vary(policy.initialRetryTime)
  }

  get isOver(): boolean {
    return this.retryCount >= this.#policy.retries
  }

  /** The pause before the next attempt. */
  next(): number {
    const pause = this.retryTime
    this.retryCount++
    this.retryTime = Math.min(this.#vary(pause) * this.#policy.multiplier, this.#policy.maxRetryTime)
    return pause
  }

  #vary(pause: number): number {
    const spread = this.#policy.factor * pause
    return Math.ceil(pause - spread + 2 * spread * this.#random.next())
  }
}

const unrecoverable = new Set(['RangeError', 'ReferenceError', 'SyntaxError', 'TypeError'])

/** kafkajs's rule: everything may be tried again but what says that it may not, and faults in the program. */
export function isRetriable(error: Error): boolean {
  if (error instanceof KafkaJSError) return error.retriable
  if (unrecoverable.has(error.name)) return false
  return !('retriable' in error) || error.retriable !== false
}

/**
 * Runs `attempt` until it succeeds, fails for good or has used up its retries.
 *
 * @throws the failure itself where trying again is pointless; KafkaJSNumberOfRetriesExceeded with it as cause
 */
export async function retrying<T>(
  ports: Pick<Ports, 'clock' | 'random'>,
  policy: RetryPolicy,
  attempt: (retryCount: number) => Promise<T>,
  mayRetry: (error: Error) => boolean = isRetriable,
): Promise<T> {
  const pauses = new RetryPauses(policy, ports.random)
  for (;;) {
    try {
      return await attempt(pauses.retryCount)
    } catch (caught) {
      const error = toKafkaJS(caught)
      if (!mayRetry(error)) throw error
      if (pauses.isOver) throw new KafkaJSNumberOfRetriesExceeded(error, pauses)
    }
    await ports.clock.sleep(pauses.next())
  }
}

/** An error that ended a loop that would have gone on: kept if it is kafkajs's own word, wrapped otherwise. */
export function final(error: Error): Error {
  return error instanceof KafkaJSNonRetriableError ? error : new KafkaJSNonRetriableError(error, { cause: error })
}
