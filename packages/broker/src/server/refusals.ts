import type { Clock, Log, Metrics } from '@millrace/kernel'
import { LogBudget } from '../log-budget.ts'

/** Why a connection was ended or not taken, or an answer not sent. */
export type RefusalReason =
  | 'too-many-connections'
  | 'too-many-from-address'
  | 'frame-size'
  | 'request-memory'
  | 'slow-reader'
  | 'malformed-header'
  | 'malformed-request'
  | 'unknown-api'
  | 'unsupported-version'
  | 'handler-failed'
  | 'answer-not-encodable'
  | 'acks-0-failed'
  | 'illegal-sasl-state'
  | 'login-failed'
  | 'login-timeout'
  | 'session-expired'
  | 'idle'
  | 'closing'
  | 'drain-timeout'

/** Of one reason. */
const linesAMinute = 100

/** Nothing is dropped silently (law 13): each has a counter by reason, and a line in the log unless there are many. */
export class Refusals {
  readonly #metrics: Metrics
  readonly #log: Log
  readonly #budget: LogBudget

  constructor({ metrics, log, clock }: { readonly metrics: Metrics; readonly log: Log; readonly clock: Clock }) {
    this.#metrics = metrics
    this.#log = log
    this.#budget = new LogBudget(clock, linesAMinute)
  }

  count(reason: RefusalReason, remote: string, detail: string): void {
    this.#metrics
      .counter('millrace_broker_connections_refused_total', 'Connections ended or refused by the broker', { reason })
      .add()
    const more = this.#budget.take(reason)
    if (more !== undefined) this.#log.warn('a connection was refused or ended', { reason, remote, detail, ...more })
  }
}
