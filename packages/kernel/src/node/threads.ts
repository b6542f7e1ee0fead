import { readFileSync } from 'node:fs'
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import { MillraceError } from '../errors.ts'
import type { Thread, Threads } from '../ports/threads.ts'
import { movable, portFrom, threadPort } from './thread-port.ts'
import type { ThreadSeed } from './thread-seed.ts'

export interface NodeThreadsOptions {
  /**
   * Flags of Node for every thread, such as `['--import', url]` of a module that registers a loader for TypeScript. It must
   * call `register()` of `tsx/esm/api` itself: a bare `--import tsx` does nothing in a worker.
   *
   * @default those of this process
   */
  readonly execArgv?: readonly string[] | undefined
}

/** Worker threads. A thread lives until its module has run and its port is closed, or until it is terminated. */
export function nodeThreads(options: NodeThreadsOptions = {}): Threads {
  const main = new URL(import.meta.url.endsWith('.ts') ? './thread-main.ts' : './thread-main.js', import.meta.url)
  return {
    start(module, { name, data, move = [] }) {
      const { port1, port2 } = new MessageChannel()
      const systemThread = new Int32Array(new SharedArrayBuffer(4))
      const seed: ThreadSeed = { module: module.href, data, port: port2, systemThread }
      const worker = new Worker(main, {
        name,
        workerData: seed,
        transferList: [port2, ...move.map(movable)],
        ...(options.execArgv === undefined ? {} : { execArgv: [...options.execArgv] }),
      })
      return watch(name, worker, port1, systemThread)
    },
    channel() {
      const { port1, port2 } = new MessageChannel()
      return { near: threadPort(port1), far: port2 }
    },
    adopt: (far) => threadPort(portFrom(far)),
  }
}

function watch(name: string, worker: Worker, port: MessagePort, systemThread: Int32Array): Thread {
  let death: Error | undefined
  let terminated = false
  let lastCpuSeconds: number | undefined
  worker.on('error', (error) => {
    death ??=
      error instanceof Error ? error : new MillraceError('USER_CODE', String(error), { place: `thread ${name}` })
  })
  const ended = new Promise<Error | undefined>((resolve) => {
    worker.on('exit', (code) => {
      // The near port is not closed here: what the thread posted last may still lie in it. It closes by itself behind that.
      const failed = code !== 0 && !terminated
      resolve(
        death ??
          (failed ? new MillraceError('STATE', `ended with code ${code}`, { place: `thread ${name}` }) : undefined),
      )
    })
  })
  return {
    port: threadPort(port),
    ended,
    async terminate() {
      terminated = true
      await worker.terminate()
    },
    async cpuSeconds() {
      lastCpuSeconds = readCpuSeconds(Atomics.load(systemThread, 0)) ?? lastCpuSeconds
      return lastCpuSeconds
    },
  }
}

/** From Linux, which counts a thread's nanoseconds on a processor; Node 20 itself does not tell. */
function readCpuSeconds(systemThread: number): number | undefined {
  if (systemThread === 0) return undefined
  try {
    const text = readFileSync(`/proc/self/task/${systemThread}/schedstat`, 'latin1')
    return Number(text.split(' ')[0]) / 1e9
  } catch {
    return undefined // it has ended, or the system keeps no such count
  }
}
