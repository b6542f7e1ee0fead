import { MillraceError, type ThreadPort } from '@millrace/kernel'
import { failed, runTask } from '../task/run-task.ts'
import { TaskControl } from '../task/task-control.ts'
import { TaskCounters } from '../task/task-counters.ts'
import type { TaskEnvironment } from '../task/task-environment.ts'
import { isTaskCommand, isTaskThreadData, type TaskReport } from './task-messages.ts'

/** What the composer's module makes of the link it was handed. */
export interface OpenedEnvironment extends TaskEnvironment {
  /** Closes the client and what lies under it. */
  close(): Promise<void>
}

/**
 * The body of a worker thread of `threadHost`: the composer's module exports
 * `(data, port) => runTaskThread(data, port, open)` by default, where `open` turns the link into a client.
 */
export async function runTaskThread(
  data: unknown,
  port: ThreadPort,
  open: (link: unknown) => Promise<OpenedEnvironment>,
): Promise<void> {
  if (!isTaskThreadData(data)) throw new MillraceError('STATE', 'a connect worker thread was started without its task')
  const control = new TaskControl()
  port.listen((message) => {
    if (isTaskCommand(message)) control[message]()
  })
  const report = (message: TaskReport) => port.post(message)
  try {
    const environment = await open(data.link)
    const counters = new TaskCounters(data.counters)
    const end = await runTask(data.spec, environment, control, counters, (event) => report({ event }))
    await environment.close()
    report({ end })
  } catch (error) {
    report({ end: failed(error, data.spec.secrets) })
  }
}
