import type { MessagePort } from 'node:worker_threads'

/** What a thread is born with. */
export interface ThreadSeed {
  /** URL of the module. */
  readonly module: string
  readonly data: unknown
  readonly port: MessagePort
  /** The thread writes its id in the system here; 0 until then, and where there is none. */
  readonly systemThread: Int32Array
}
