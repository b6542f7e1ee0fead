import { MillraceError, messageOf } from '@millrace/kernel'
import { redacted } from '../config/env-references.ts'
import { BackOff } from './back-off.ts'
import { isRetriable, numberOption, type TaskRun } from './task-environment.ts'

/**
 * Does `attempt` until it succeeds or fails for good. While the system cannot be reached the task says so in status and
 * counters, and `wait` passes the pause (a sink polls in it, to keep its membership).
 *
 * @throws the first error that cannot be retried; SYSTEM_UNAVAILABLE after `errors.retry.timeout`; ABORTED when
 * the task is to stop.
 */
export async function retrying<T>(
  run: TaskRun,
  attempt: () => Promise<T>,
  wait: (delayMs: number) => Promise<void>,
): Promise<T> {
  const { spec, control, counters, log, environment } = run
  const { clock, random } = environment.ports
  const timeoutMs = numberOption(spec, 'errors.retry.timeout') ?? -1
  const backOff = new BackOff(300, numberOption(spec, 'errors.retry.delay.max.ms') ?? 10_000, random)
  let sinceMs = 0
  for (;;) {
    try {
      const result = await attempt()
      if (backOff.tries > 0) {
        counters.set('retryingSinceMs', 0)
        log.info('the system answers again', { tries: backOff.tries, afterMs: clock.nowMs() - sinceMs })
        run.tell({ type: 'recovered' })
      }
      return result
    } catch (error) {
      if (!isRetriable(error)) throw error
      if (control.stopping)
        throw new MillraceError('ABORTED', 'the task was stopped while it retried', { cause: error })
      const reason = redacted(messageOf(error), spec.secrets)
      if (backOff.tries === 0) {
        sinceMs = clock.nowMs()
        counters.set('retryingSinceMs', sinceMs)
      }
      if (timeoutMs >= 0 && clock.nowMs() - sinceMs >= timeoutMs) throw givenUp(timeoutMs, error)
      const delayMs = backOff.nextMs()
      counters.add('retries', 1)
      log.warn('retrying', { reason, try: backOff.tries, delayMs })
      run.tell({ type: 'retrying', reason, sinceMs })
      await wait(delayMs)
    }
  }
}

function givenUp(timeoutMs: number, cause: unknown): MillraceError {
  return new MillraceError('STATE', `gave up after ${timeoutMs} ms of errors.retry.timeout: ${messageOf(cause)}`, {
    cause,
  })
}
