import { readlinkSync } from 'node:fs'
import { workerData } from 'node:worker_threads'
import { threadPort } from './thread-port.ts'
import type { ThreadSeed } from './thread-seed.ts'

/** The first code of every thread: says which thread of the system it is, then loads the module and starts it. */
const { module, data, port, systemThread }: ThreadSeed = workerData
Atomics.store(systemThread, 0, ownThreadId())

const loaded: unknown = await import(module)
const start = loaded !== null && typeof loaded === 'object' && 'default' in loaded ? loaded.default : undefined
if (typeof start !== 'function') throw new TypeError(`${module} has no default export to start a thread with`)
await start(data, threadPort(port))

/** By which Linux lists its times; 0 elsewhere. The link is resolved in the thread that asks. */
function ownThreadId(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  } catch {
    return 0
  }
}
