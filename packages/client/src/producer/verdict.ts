import { codeOf, remedyFor } from '@millrace/kernel'

/** What becomes of a batch after an attempt that was not acknowledged. */
export type Verdict =
  /** The broker has it already. */
  | 'delivered'
  | 'retry'
  | 'retry-elsewhere'
  /** Too large together: in two halves. */
  | 'split'
  /** The broker lost track of this producer, or an earlier batch is missing: a new producer id, sequences from 0. */
  | 'new-identity'
  | 'fail'
  /** This producer may not write any more. */
  | 'fatal'

export interface Attempt {
  readonly idempotent: boolean
  /** The batch is part of a transaction, which keeps its producer id and is aborted where that is no good. */
  readonly transactional: boolean
  /** No earlier batch of the partition is unsettled. */
  readonly firstInLine: boolean
  readonly records: number
  /** The delivery timeout is over. */
  readonly expired: boolean
}

/** The one place that decides on a retry. Total: what it cannot place fails. */
export function verdictOn(error: unknown, attempt: Attempt): Verdict {
  switch (codeOf(error)) {
    case 'DUPLICATE_SEQUENCE_NUMBER':
      return 'delivered'
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
      return attempt.records > 1 ? 'split' : 'fail'
    case 'OUT_OF_ORDER_SEQUENCE_NUMBER':
      if (!attempt.idempotent || attempt.expired) return 'fail'
      if (!attempt.firstInLine) return 'retry'
      return attempt.transactional ? 'fail' : 'new-identity'
    case 'UNKNOWN_PRODUCER_ID':
    case 'INVALID_PRODUCER_ID_MAPPING':
    case 'INVALID_PRODUCER_EPOCH':
      return attempt.idempotent && !attempt.transactional && !attempt.expired ? 'new-identity' : 'fail'
    case 'CLOSED':
      return 'fail'
    default:
      break
  }
  switch (remedyFor(error)) {
    case 'retry':
      return attempt.expired ? 'fail' : 'retry'
    case 'refresh-metadata':
      return attempt.expired ? 'fail' : 'retry-elsewhere'
    case 'fence':
      return 'fatal'
    default:
      return 'fail'
  }
}

/** The answer left no doubt that the batch was not written. A lost answer, or a storage error half-way, leaves it. */
export function certainlyNotWritten(error: unknown): boolean {
  switch (codeOf(error)) {
    case 'CONNECTION_LOST':
    case 'REQUEST_TIMED_OUT':
    case 'NETWORK_EXCEPTION':
    case 'NOT_ENOUGH_REPLICAS_AFTER_APPEND':
    case 'KAFKA_STORAGE_ERROR':
    case 'UNKNOWN_SERVER_ERROR':
    case 'ABORTED':
    case 'CLOSED':
      return false
    default:
      return true
  }
}
