import type { Log, Metrics } from '@millrace/kernel'

/** Why a connection was ended or not taken, or an answer not sent. */
export type RefusalReason =
  | 'too-many-connections'
  | 'too-many-from-address'
  | 'frame-size'
  | 'request-memory'
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

/** Nothing is dropped silently (law 13): each has a counter by reason, and a line in the log. */
export class Refusals {
  readonly #metrics: Metrics
  readonly #log: Log

  constructor(metrics: Metrics, log: Log) {
    this.#metrics = metrics
    this.#log = log
  }

  count(reason: RefusalReason, remote: string, detail: string): void {
    this.#metrics
      .counter('millrace_broker_connections_refused_total', 'Connections ended or refused by the broker', { reason })
      .add()
    this.#log.warn('a connection was refused or ended', { reason, remote, detail })
  }
}
