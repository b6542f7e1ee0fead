import { setMaxListeners } from 'node:events'

/**
 * The answer; or `instead` as soon as the connection takes no more requests, so that a broker that stops does not keep
 * its clients waiting for others. What was asked for goes on, as if the answer had been lost.
 */
export async function untilClosed<T>(closed: AbortSignal, answer: Promise<T>, instead: () => T): Promise<T> {
  setMaxListeners(0, closed) // many joins may wait on one connection: that is no leak
  let giveUp = () => {}
  const aborted = new Promise<T>((resolve) => {
    giveUp = () => resolve(instead())
  })
  closed.addEventListener('abort', giveUp)
  if (closed.aborted) giveUp()
  try {
    return await Promise.race([answer, aborted])
  } finally {
    closed.removeEventListener('abort', giveUp)
  }
}
