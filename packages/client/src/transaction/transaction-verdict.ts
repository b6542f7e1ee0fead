import { codeOf, remedyFor } from '@millrace/kernel'

/** What was asked, or for `produce`: a batch that the sender has given up on. */
export type TransactionCall =
  | 'init'
  | 'bump-epoch'
  | 'add-partitions'
  | 'add-offsets'
  | 'commit-offsets'
  | 'commit'
  | 'abort'
  | 'produce'

export type TransactionVerdict =
  /** The same again, after a pause. */
  | 'retry'
  /** The transaction before this one is being completed: again, after a short pause. */
  | 'retry-soon'
  /** Ask who coordinates, then again. */
  | 'find-coordinator'
  /** The call fails, nothing else: it may be made again. */
  | 'refuse'
  | 'abortable'
  /** As `abortable`; where the epoch does not rise with each transaction, it has to be asked for (KIP-360). */
  | 'abortable-bump'
  /** Somebody else writes under the transactional id by now. */
  | 'fenced'
  | 'fatal'

/**
 * What an error means to a transaction: total, and the only place that decides it. As the handlers of Java's
 * TransactionManager 4.3 do; a topic that may not be committed to is abortable here, where Java gives the producer up.
 */
export function transactionVerdict(error: unknown, call: TransactionCall): TransactionVerdict {
  const verdict = plainVerdict(error, call)
  // The sender has tried for as long as it may.
  if (call === 'produce' && isRetry(verdict)) return 'abortable-bump'
  return verdict
}

function isRetry(verdict: TransactionVerdict): boolean {
  return verdict === 'retry' || verdict === 'retry-soon' || verdict === 'find-coordinator'
}

function plainVerdict(error: unknown, call: TransactionCall): TransactionVerdict {
  switch (codeOf(error)) {
    case 'CONCURRENT_TRANSACTIONS':
      return 'retry-soon'
    case 'NOT_COORDINATOR':
    case 'COORDINATOR_NOT_AVAILABLE':
    case 'CONNECTION_LOST':
    case 'CONNECTION_REFUSED':
    case 'NETWORK_EXCEPTION':
    case 'BROKER_NOT_AVAILABLE':
    case 'REQUEST_TIMED_OUT':
      return 'find-coordinator'
    case 'PRODUCER_FENCED':
      return 'fenced'
    case 'INVALID_PRODUCER_EPOCH':
      // From a partition it may be the coordinator that ended a transaction for its time (KIP-588): ending it tells.
      return call === 'produce' ? 'abortable-bump' : 'fenced'
    case 'INVALID_PRODUCER_ID_MAPPING':
    case 'UNSUPPORTED_VERSION':
    case 'CLOSED':
      return 'fatal'
    case 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED':
    case 'CLUSTER_AUTHORIZATION_FAILED':
      return call === 'init' ? 'refuse' : 'fatal'
    case 'INVALID_TXN_STATE':
      return call === 'produce' ? 'abortable-bump' : 'fatal'
    case 'TRANSACTION_ABORTABLE':
      // An abort that has to be aborted would go round for ever.
      if (call === 'abort' || call === 'bump-epoch') return 'fatal'
      return call === 'init' ? 'refuse' : 'abortable'
    case 'UNKNOWN_PRODUCER_ID':
      return 'abortable-bump'
    case 'TOPIC_AUTHORIZATION_FAILED':
    case 'GROUP_AUTHORIZATION_FAILED':
    case 'OPERATION_NOT_ATTEMPTED':
    case 'FENCED_INSTANCE_ID':
    case 'UNKNOWN_MEMBER_ID':
    case 'ILLEGAL_GENERATION':
    case 'FENCED_MEMBER_EPOCH':
    case 'STALE_MEMBER_EPOCH':
      return call === 'produce' ? 'abortable-bump' : 'abortable'
    default:
      return byRemedy(error, call)
  }
}

function byRemedy(error: unknown, call: TransactionCall): TransactionVerdict {
  switch (remedyFor(error)) {
    case 'retry':
    case 'refresh-metadata':
      return 'retry'
    case 'fence':
      return 'fenced'
    default:
      if (call === 'produce') return 'abortable-bump'
      if (call === 'add-partitions') return 'abortable'
      return 'fatal'
  }
}
