import { codeOf, errorTable, isKafkaErrorCode, type KafkaErrorCode, MillraceError, messageOf } from '@millrace/kernel'

/** The number of a code on the wire. */
export function wire(code: KafkaErrorCode): number {
  return errorTable[code].wire
}

/** An error as an answer carries it. */
export interface WireError {
  readonly errorCode: number
  readonly errorMessage: string
}

export function refusal(code: KafkaErrorCode, message: string = errorTable[code].text): WireError {
  return { errorCode: wire(code), errorMessage: message }
}

const diskCodes: ReadonlySet<string | undefined> = new Set([
  'DISK_FULL',
  'DISK_READ_ONLY',
  'DISK_ERROR',
  'CORRUPT_FILE',
])

/**
 * Anything thrown, as an answer carries it. What is not in Kafka's table is a storage error or an unknown one. The
 * sentence of a code is left out where there is more to say: the client has it.
 */
export function wireError(error: unknown): WireError {
  const code = kafkaCodeOf(error)
  if (codeOf(error) !== code || !(error instanceof MillraceError)) return refusal(code, messageOf(error))
  return error.detail === undefined ? refusal(code) : refusal(code, `${error.place}: ${error.detail}`)
}

export function kafkaCodeOf(error: unknown): KafkaErrorCode {
  const code = codeOf(error)
  if (isKafkaErrorCode(code)) return code
  if (code === 'CONFIG') return 'INVALID_CONFIG'
  return diskCodes.has(code) ? 'KAFKA_STORAGE_ERROR' : 'UNKNOWN_SERVER_ERROR'
}
