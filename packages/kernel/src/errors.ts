import { errorTable, isKafkaErrorCode, type KafkaErrorCode, type Remedy } from './error-table.ts'

/** Codes that are ours, beside Kafka's. */
export type MillraceErrorCode =
  | KafkaErrorCode
  | 'CONFIG' // an option, config or topology is refused before anything starts
  | 'CLOSED' // the thing was closed
  | 'ABORTED' // the caller's signal fired
  | 'CONNECTION_LOST' // the peer went away
  | 'CONNECTION_REFUSED' // nobody answers at the address
  | 'DISK_FULL'
  | 'DISK_READ_ONLY'
  | 'DISK_ERROR'
  | 'DIRECTORY_IN_USE' // another process holds the data directory
  | 'CORRUPT_FILE'
  | 'BAD_RECORD' // a record its schema, serde or column cannot hold
  | 'BAD_OPERATOR' // an RxJS operator that emits late, ends or hides state
  | 'USER_CODE' // a function of the user threw
  | 'SYSTEM_UNAVAILABLE' // a connector's system cannot be reached; retried
  | 'STATE' // not allowed in the present state

export interface ErrorDetails {
  /** Where: option name, file and position, node of a topology, topic-partition@offset. */
  readonly place?: string | undefined
  /** The value that was refused. Never a secret. */
  readonly value?: unknown
  /** What to type or change next. */
  readonly fix?: string | undefined
  /** What a general message does not say. Part of the message already; kept apart for answers on the wire. */
  readonly detail?: string | undefined
  readonly cause?: unknown
}

/**
 * Every error we raise for what the world can break. Its identity is `code`; `instanceof` fails as soon as two copies of
 * a package are loaded, so compare codes (`codeOf`).
 */
export class MillraceError extends Error {
  override readonly name: string = 'MillraceError'
  readonly code: MillraceErrorCode
  readonly place: string | undefined
  readonly fix: string | undefined
  readonly detail: string | undefined

  constructor(code: MillraceErrorCode, message: string, details: ErrorDetails = {}) {
    const parts = [details.place === undefined ? message : `${details.place}: ${message}`]
    if ('value' in details) parts.push(` (got ${show(details.value)})`)
    if (details.fix !== undefined) parts.push(`. ${details.fix}`)
    super(parts.join(''), 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.place = details.place
    this.fix = details.fix
    this.detail = details.detail
  }
}

/** A refused option. `fix` says what to write instead. */
export function configError(option: string, problem: string, value: unknown, fix?: string): MillraceError {
  return new MillraceError('CONFIG', problem, { place: option, value, fix })
}

/** An error of Kafka's table with its sentence, at a place. A detail that is that very sentence adds nothing. */
export function kafkaError(code: KafkaErrorCode, place: string, detail?: string, cause?: unknown): MillraceError {
  const { text } = errorTable[code]
  const more = detail === text ? undefined : detail
  const message = more === undefined ? text : `${text} ${more}`
  const details = { place, detail: more }
  return new MillraceError(code, `${message} [${code}]`, cause === undefined ? details : { ...details, cause })
}

/** The `code` of anything thrown: ours, Node's (`ENOSPC`) or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** The one function that decides what to do about an error. Never throws; what it cannot place is `fail`. */
export function remedyFor(error: unknown): Remedy {
  const code = codeOf(error)
  if (isKafkaErrorCode(code)) return errorTable[code].remedy
  switch (code) {
    case 'CONNECTION_LOST':
    case 'CONNECTION_REFUSED':
      return 'refresh-metadata' // the broker may be back elsewhere
    case 'SYSTEM_UNAVAILABLE':
      return 'retry'
    default:
      return 'fail'
  }
}

/** The message of anything thrown, with its causes, on one line. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message} <- ${messageOf(error.cause)}`
}

function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value)
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return String(value)
  const text = JSON.stringify(value)
  return text === undefined ? 'undefined' : text.length > 200 ? `${text.slice(0, 200)}…` : text
}
