import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Clock, Timer } from '../ports/clock.ts'

/** Node's timers take 31 bits; a longer delay would fire at once. */
const delayMsMax = 0x7fff_ffff

/** The machine's clock. */
export function nodeClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after,
    sleep,
    turn: () => nextTurn(undefined),
  }
}

function after(delayMs: number, callback: () => void, background?: 'background'): Timer {
  let left = Math.max(0, delayMs)
  let handle: NodeJS.Timeout
  const wait = (): void => {
    const step = Math.min(left, delayMsMax)
    left -= step
    handle = setTimeout(() => (left > 0 ? wait() : callback()), step)
    if (background !== undefined) handle.unref()
  }
  wait()
  return { cancel: () => clearTimeout(handle) }
}

function sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason)
      return
    }
    const onAbort = (): void => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
