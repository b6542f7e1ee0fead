import { runTask } from '../task/run-task.ts'
import { TaskControl } from '../task/task-control.ts'
import type { TaskEnvironment } from '../task/task-environment.ts'
import type { ConnectWorkerHost } from './worker-host.ts'

/** Runs tasks in the calling thread: for tests, and for connectors given as closures. */
export function inThreadHost(environment: TaskEnvironment, workerId = 'in-thread'): ConnectWorkerHost {
  return {
    workerId,
    async start(spec, counters, tell) {
      const control = new TaskControl()
      const ended = runTask(spec, environment, control, counters, tell)
      return {
        ended,
        pause: () => control.pause(),
        resume: () => control.resume(),
        stop: () => control.stop(),
        async terminate() {
          control.stop()
          await ended
        },
        cpuSeconds: async () => undefined,
      }
    },
  }
}
