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

/**
 * Whether an answer left no doubt that the batch is not in the log: whatever became of the attempts before it, or because
 * it was the first. A leader that has lost its place answers as if it had never had the batch, which its followers may
 * have all the same.
 */
export function certainlyNotWritten(error: unknown, attempts: number): boolean {
  switch (codeOf(error)) {
    // The broker has looked for the batch among those it has of this producer, or would never take its bytes.
    case 'OUT_OF_ORDER_SEQUENCE_NUMBER':
    case 'UNKNOWN_PRODUCER_ID':
    case 'INVALID_PRODUCER_ID_MAPPING':
    case 'INVALID_PRODUCER_EPOCH':
    case 'MESSAGE_TOO_LARGE':
    case 'RECORD_LIST_TOO_LARGE':
    case 'CORRUPT_MESSAGE':
    case 'INVALID_RECORD':
    case 'INVALID_TIMESTAMP':
    case 'UNSUPPORTED_COMPRESSION_TYPE':
      return true
    // Said before anything is written, and nothing of an attempt before it.
    case 'NOT_ENOUGH_REPLICAS':
    case 'CONCURRENT_TRANSACTIONS':
    case 'UNKNOWN_TOPIC_ID':
    case 'INVALID_TOPIC_EXCEPTION':
    case 'TOPIC_AUTHORIZATION_FAILED':
    case 'CLUSTER_AUTHORIZATION_FAILED':
    case 'UNSUPPORTED_VERSION':
      return attempts === 1
    default:
      return false
  }
}
