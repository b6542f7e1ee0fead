/** Ctrl-C, or SIGTERM from whoever manages the process. A second one does not wait for a good end. */
export interface Interruption {
  readonly happened: Promise<'interrupted'>
  readonly signal: AbortSignal
}

export function interruption(): Interruption {
  const controller = new AbortController()
  const happened = new Promise<'interrupted'>((resolve) => {
    const stop = (): void => {
      if (controller.signal.aborted) process.exit(130)
      controller.abort()
      resolve('interrupted')
    }
    process.on('SIGINT', stop)
    process.on('SIGTERM', stop)
  })
  return { happened, signal: controller.signal }
}

/** Waits, or is told earlier. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
