import { codeOf, errorTable, isKafkaErrorCode, type KafkaErrorCode, MillraceError, remedyFor } from '@millrace/kernel'
import {
  KafkaJSConnectionClosedError,
  KafkaJSConnectionError,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  KafkaJSRequestTimeoutError,
  KafkaJSSASLAuthenticationError,
  KafkaJSServerDoesNotSupportApiKey,
  type ProtocolErrorSource,
} from './errors.ts'

/** Errors that kafkajs calls by an older name of Kafka's. */
const olderNames = new Map<KafkaErrorCode, string>([
  ['UNKNOWN_SERVER_ERROR', 'UNKNOWN'],
  ['NOT_LEADER_OR_FOLLOWER', 'NOT_LEADER_FOR_PARTITION'],
  ['COORDINATOR_LOAD_IN_PROGRESS', 'GROUP_LOAD_IN_PROGRESS'],
  ['COORDINATOR_NOT_AVAILABLE', 'GROUP_COORDINATOR_NOT_AVAILABLE'],
  ['NOT_COORDINATOR', 'NOT_COORDINATOR_FOR_GROUP'],
])

/** The facts of a server's error under kafkajs's name. */
export function protocolFailure(code: KafkaErrorCode, message: string = errorTable[code].text): ProtocolErrorSource {
  const { wire, remedy } = errorTable[code]
  return {
    name: 'KafkaJSProtocolError',
    type: olderNames.get(code) ?? code,
    code: wire,
    message,
    retriable: (remedy === 'retry' || remedy === 'refresh-metadata') && code !== 'BROKER_NOT_AVAILABLE',
  }
}

/** Anything thrown by the client below, as the kafkajs error that a program written for kafkajs looks for. */
export function toKafkaJS(error: unknown): Error {
  if (error instanceof KafkaJSError) return error
  if (!(error instanceof MillraceError)) return error instanceof Error ? error : new KafkaJSError(String(error))
  const { code, message, cause } = error
  switch (code) {
    case 'CONNECTION_REFUSED':
      return new KafkaJSConnectionError(message, { broker: error.place, code: codeOf(cause) ?? 'ECONNREFUSED' })
    case 'CONNECTION_LOST':
      return new KafkaJSConnectionClosedError(message, addressIn(error.place))
    case 'SASL_AUTHENTICATION_FAILED':
    case 'UNSUPPORTED_SASL_MECHANISM':
      return new KafkaJSSASLAuthenticationError(message, { cause: error })
    case 'CONFIG':
    case 'STATE':
    case 'CLOSED':
    case 'ABORTED':
    case 'BAD_RECORD':
      return new KafkaJSNonRetriableError(message, { cause: error })
    case 'USER_CODE':
      return cause instanceof Error ? cause : new KafkaJSNonRetriableError(message, { cause: error })
    case 'UNSUPPORTED_VERSION':
      return new KafkaJSServerDoesNotSupportApiKey(message)
    case 'REQUEST_TIMED_OUT':
      if (!message.endsWith('[REQUEST_TIMED_OUT]')) return new KafkaJSRequestTimeoutError(message)
      return new KafkaJSProtocolError(protocolFailure(code, message), { cause: error })
    default:
      if (isKafkaErrorCode(code)) return new KafkaJSProtocolError(protocolFailure(code, message), { cause: error })
      return new KafkaJSNonRetriableError(message, { cause: error })
  }
}

/**
 * What a call that the client had tried again for as long as it may ends with: kafkajs wraps what could be retried.
 */
export function exhausted(error: unknown, tries: { retryCount: number; retryTime: number }): Error {
  const mapped = toKafkaJS(error)
  const root = error instanceof MillraceError && codeOf(error.cause) !== undefined ? toKafkaJS(error.cause) : mapped
  const isRetriable = mapped instanceof KafkaJSError ? mapped.retriable : remedyFor(error) === 'retry'
  return isRetriable ? new KafkaJSNumberOfRetriesExceeded(root, tries) : mapped
}

function addressIn(place: string | undefined): { host?: string | undefined; port?: number | undefined } {
  const parts = /([^\s/]+):(\d+)/.exec(place ?? '')
  return parts === null ? {} : { host: parts[1], port: Number(parts[2]) }
}
