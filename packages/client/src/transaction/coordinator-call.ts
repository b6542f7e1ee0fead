import { MillraceError, messageOf, type Ports } from '@millrace/kernel'
import type { Connection } from '@millrace/protocol/internal'
import { Backoff } from '../cluster/backoff.ts'
import type { CoordinatorLink } from './coordinator-link.ts'
import { type TransactionCall, type TransactionVerdict, transactionVerdict } from './transaction-verdict.ts'

/** How long somebody waits. */
export interface Wait {
  /** Of the caller, for errors: `commitTransaction`. */
  readonly what: string
  /** By the monotonic clock. */
  readonly untilMs: number
  /** Ends the wait at once. */
  readonly signal: AbortSignal | undefined
  /** Ends it between two attempts: a request that is out is awaited. */
  readonly stop: AbortSignal | undefined
}

export type CallResult<T> =
  | { readonly outcome: 'answered'; readonly value: T }
  | {
      readonly outcome: 'refused'
      readonly verdict: Exclude<TransactionVerdict, 'retry' | 'retry-soon' | 'find-coordinator'>
      readonly error: Error
    }
  /** Out of time, or given up: what was asked may have been done all the same, and may be asked again. */
  | { readonly outcome: 'unfinished'; readonly error: Error }

/** Pauses while the transaction before is being completed: that takes a few milliseconds. */
export const concurrentPauseMs = { first: 2, max: 100 } as const

/** Asks a coordinator, again for as long as `transactionVerdict` allows it and the wait lasts. Never rejects. */
export async function callCoordinator<T>(
  ports: Pick<Ports, 'clock' | 'random'>,
  link: CoordinatorLink,
  call: TransactionCall,
  wait: Wait,
  request: (connection: Connection, leftMs: number) => Promise<T>,
): Promise<CallResult<T>> {
  const { clock, random } = ports
  const backoff = new Backoff(random)
  const concurrent = new Backoff(random, concurrentPauseMs)
  let last: unknown
  for (;;) {
    const leftMs = wait.untilMs - clock.monotonicMs()
    if (leftMs <= 0 || isGivenUp(wait) || wait.stop?.aborted === true) {
      return { outcome: 'unfinished', error: unfinished(wait, last) }
    }
    let pauseMs: number
    try {
      const asking = link.connection().then((connection) => request(connection, Math.max(1, Math.ceil(leftMs))))
      return { outcome: 'answered', value: await unlessAborted(asking, wait) }
    } catch (error) {
      if (isGivenUp(wait)) return { outcome: 'unfinished', error: unfinished(wait, error) }
      last = error
      const verdict = transactionVerdict(error, call)
      if (verdict === 'find-coordinator') link.forget()
      else if (verdict !== 'retry' && verdict !== 'retry-soon') {
        return { outcome: 'refused', verdict, error: error instanceof Error ? error : new Error(messageOf(error)) }
      }
      pauseMs = (verdict === 'retry-soon' ? concurrent : backoff).next()
    }
    await pause(ports, wait, pauseMs)
  }
}

/** What a promise brings, unless the caller gives up first. */
export function unlessAborted<T>(promise: Promise<T>, wait: Pick<Wait, 'signal' | 'what'>): Promise<T> {
  const { signal } = wait
  if (signal === undefined) return promise
  return new Promise((resolve, reject) => {
    const abort = () => reject(unfinished(wait, undefined))
    if (signal.aborted) abort()
    signal.addEventListener('abort', abort, { once: true })
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort))
  })
}

/** Until the pause or the wait is over. */
async function pause({ clock }: Pick<Ports, 'clock'>, wait: Wait, pauseMs: number): Promise<void> {
  const { signal, stop } = wait
  if (signal?.aborted === true || stop?.aborted === true) return
  const over = new AbortController()
  const end = () => over.abort()
  signal?.addEventListener('abort', end)
  stop?.addEventListener('abort', end)
  const leftMs = Math.max(0, wait.untilMs - clock.monotonicMs())
  await clock.sleep(Math.min(pauseMs, leftMs), over.signal).catch(() => undefined)
  signal?.removeEventListener('abort', end)
  stop?.removeEventListener('abort', end)
}

function isGivenUp({ signal }: Pick<Wait, 'signal'>): boolean {
  return signal?.aborted === true
}

/** With what stood in the way last. */
export function unfinished(wait: Pick<Wait, 'signal' | 'what'>, last: unknown): MillraceError {
  const fix = 'Call it again to go on.'
  if (wait.signal?.aborted === true) {
    return new MillraceError('ABORTED', `${wait.what} was given up`, { cause: wait.signal.reason, fix })
  }
  const text = `${wait.what} was not finished in time`
  if (last === undefined) return new MillraceError('REQUEST_TIMED_OUT', text, { fix })
  return new MillraceError('REQUEST_TIMED_OUT', `${text}: ${messageOf(last)}`, { cause: last, fix })
}
