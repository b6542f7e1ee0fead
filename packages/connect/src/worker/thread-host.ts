import type { MessagePortLike, Threads } from '@millrace/kernel'
import { failed } from '../task/run-task.ts'
import type { TaskEnd } from '../task/task-spec.ts'
import { isTaskReport, type TaskCommand, type TaskThreadData } from './task-messages.ts'
import type { ConnectWorkerHost } from './worker-host.ts'

/** How one worker thread reaches the engine; `ThreadLink` of the embedded engine is one. */
export interface ThreadHostLink {
  /** Cloneable. Comes to the thread as it is. */
  readonly data: unknown
  /** What of it is moved. */
  readonly move?: readonly (ArrayBuffer | MessagePortLike)[] | undefined
  /** Called when the thread has ended, however it did. */
  close?(): Promise<void>
}

export interface ThreadHostOptions {
  readonly threads: Threads
  /** A module whose default export calls `runTaskThread` with its own connectors. */
  readonly module: URL
  /** A way to the engine for one more thread: plain data, and what of it is moved. */
  link(): ThreadHostLink | Promise<ThreadHostLink>
  readonly workerId?: string | undefined
}

/** One worker thread a task: a task that burns or crashes its thread takes nobody along. */
export function threadHost(options: ThreadHostOptions): ConnectWorkerHost {
  return {
    workerId: options.workerId ?? 'threads',
    async start(spec, counters, tell) {
      const link = await options.link()
      const data: TaskThreadData = { spec, counters: counters.shared, link: link.data }
      const name = `connect-${spec.connector}-${spec.task}`
      const thread = options.threads.start(options.module, { name, data, ...(link.move && { move: link.move }) })
      let end: TaskEnd | undefined
      let terminated = false
      const told = new Promise<void>((resolve) => {
        thread.port.listen((message) => {
          if (!isTaskReport(message)) return
          if ('event' in message) tell(message.event)
          else {
            end = message.end
            resolve()
          }
        })
      })
      const endOf = async (): Promise<TaskEnd> => {
        await Promise.race([told, thread.ended])
        const reported = end
        if (reported !== undefined) {
          await thread.cpuSeconds() // read while the thread is there, and kept
          await thread.terminate() // all it had to say is said
          return reported
        }
        const error = await thread.ended
        if (terminated) return { type: 'stopped' }
        return failed(error ?? new Error('the worker thread ended without a word'), spec.secrets)
      }
      const ended = endOf().finally(() => link.close?.())
      const send = (command: TaskCommand) => thread.port.post(command)
      return {
        ended,
        pause: () => send('pause'),
        resume: () => send('resume'),
        stop: () => send('stop'),
        async terminate() {
          terminated = true
          await thread.terminate()
        },
        cpuSeconds: () => thread.cpuSeconds(),
      }
    },
  }
}
