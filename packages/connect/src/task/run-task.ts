import { codeOf, MillraceError, messageOf } from '@millrace/kernel'
import { redacted } from '../config/env-references.ts'
import { runSink } from './sink-runner.ts'
import { runSource } from './source-runner.ts'
import type { TaskControl } from './task-control.ts'
import type { TaskCounters } from './task-counters.ts'
import { redactingLog, type TaskEnvironment, type TaskRun } from './task-environment.ts'
import type { TaskEnd, TaskEvent, TaskSpec } from './task-spec.ts'

/** Runs a task to its end, whatever that is. Never throws. */
export async function runTask(
  spec: TaskSpec,
  environment: TaskEnvironment,
  control: TaskControl,
  counters: TaskCounters,
  tell: (event: TaskEvent) => void,
): Promise<TaskEnd> {
  const log = redactingLog(environment.ports.log.child({ connector: spec.connector, task: spec.task }), spec.secrets)
  const run: TaskRun = { spec, environment, control, counters, log, tell }
  counters.restart()
  try {
    const connector = environment.registry.get(spec.kind)
    if (connector === undefined) {
      const known = environment.registry.all().map(({ name }) => name)
      throw new MillraceError('CONFIG', `the worker has no connector ${spec.kind}; it has ${known.join(', ')}`)
    }
    return connector.kind === 'source' ? await runSource(run, connector) : await runSink(run, connector)
  } catch (error) {
    if (control.stopping && (error === control.signal.reason || codeOf(error) === 'ABORTED')) return { type: 'stopped' }
    return failed(error, spec.secrets)
  }
}

/** An error as the end of a task, without secrets. */
export function failed(error: unknown, secrets: readonly string[]): TaskEnd {
  const stack = error instanceof Error && error.stack !== undefined ? error.stack : String(error)
  const cause = error instanceof Error && error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : ''
  return {
    type: 'failed',
    message: redacted(messageOf(error), secrets),
    trace: redacted(stack + cause, secrets),
    code: codeOf(error),
  }
}
