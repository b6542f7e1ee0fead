import type { ThreadPort } from '@millrace/kernel'
import type { StreamThreadData } from './thread-messages.ts'

/** A started stream thread, wherever it runs. */
export interface StreamThreadHandle {
  readonly port: ThreadPort
  /** Settles when it has ended: undefined after `stop`, else why it died. */
  readonly ended: Promise<Error | undefined>
  terminate(): Promise<void>
  /** undefined where the platform does not tell. */
  cpuSeconds(): Promise<number | undefined>
}

/** Starts stream threads. Whoever composes the program gives one: it knows how a worker reaches the cluster. */
export interface StreamThreadHost {
  start(data: StreamThreadData): StreamThreadHandle
}
