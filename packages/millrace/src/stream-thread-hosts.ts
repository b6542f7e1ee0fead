import type { Client } from '@millrace/client'
import type { MessagePortLike, Ports } from '@millrace/kernel'
import { lmdbEngine } from '@millrace/store'
import { runStreamThread, type StreamThreadHost, type Topology } from '@millrace/streams/internal'
import type { StreamWorkerData } from './worker/stream-worker.ts'

/** A way to the engine for one more thread: plain data, and what of it is moved. */
export interface Link {
  readonly data: unknown
  readonly move?: readonly (ArrayBuffer | MessagePortLike)[] | undefined
  /** When the thread has ended, however it did. */
  close(): Promise<void>
}

/** Each stream thread in a worker thread of its own. */
export function workerThreadHost(ports: Ports, link: () => Link): StreamThreadHost {
  return {
    start(thread) {
      const { data, move, close } = link()
      const seed: StreamWorkerData = { thread, link: data }
      const name = `stream-${thread.options.applicationId}-${thread.index}`
      const module = new URL('./worker/stream-worker.js', import.meta.url)
      const started = ports.threads.start(module, { name, data: seed, ...(move === undefined ? {} : { move }) })
      void started.ended.then(close)
      return started
    },
  }
}

/** The stream thread runs on the calling thread: for a topology that is at hand and that no module exports. */
export function callingThreadHost(ports: Ports, topology: Topology, client: () => Client): StreamThreadHost {
  return {
    start(data) {
      const { near, far } = ports.threads.channel()
      const engine = lmdbEngine({ disk: ports.disk })
      const port = ports.threads.adopt(far)
      const ended = runStreamThread({ data, port, client: client(), ports, engine, topology }).then(
        () => undefined,
        (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
      )
      return {
        port: near,
        ended: ended.finally(() => port.close()),
        async terminate() {
          near.post({ type: 'stop' })
          await ended
        },
        cpuSeconds: async () => undefined,
      }
    },
  }
}
