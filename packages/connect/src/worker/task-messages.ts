import type { TaskEnd, TaskEvent, TaskSpec } from '../task/task-spec.ts'

/** What a worker thread is started with. `link` is the composer's: how the thread reaches the engine. */
export interface TaskThreadData {
  readonly spec: TaskSpec
  readonly counters: SharedArrayBuffer
  readonly link: unknown
}

/** To the task. */
export type TaskCommand = 'pause' | 'resume' | 'stop'

/** From the task. */
export type TaskReport = { readonly event: TaskEvent } | { readonly end: TaskEnd }

export function isTaskReport(message: unknown): message is TaskReport {
  return typeof message === 'object' && message !== null && ('event' in message || 'end' in message)
}

export function isTaskCommand(message: unknown): message is TaskCommand {
  return message === 'pause' || message === 'resume' || message === 'stop'
}

export function isTaskThreadData(data: unknown): data is TaskThreadData {
  return (
    typeof data === 'object' &&
    data !== null &&
    'spec' in data &&
    'counters' in data &&
    data.counters instanceof SharedArrayBuffer &&
    'link' in data
  )
}
