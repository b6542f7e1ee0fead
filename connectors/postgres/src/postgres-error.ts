import { codeOf, MillraceError, messageOf } from '@millrace/kernel'

/** Node's codes of a server that is not there (any more). */
const connectionCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EPIPE',
  'ENOENT',
])

/**
 * SQLSTATEs that pass by themselves: connection lost (08), rolled back for another's sake (40), out of resources (53),
 * lock not available (55P03), shutting down or starting (57P).
 * Source: PostgreSQL, Appendix A.
 */
const passing = /^(?:08|40|53|55P03|57P)/

/** Values that a column or constraint refuses (22, 23), and one key twice in a statement (21). */
const dataError = /^(?:21|22|23)/

/** An error of pg with what can be done about it. `place` names the server without its password. */
export function postgresError(error: unknown, place: string): MillraceError {
  if (error instanceof MillraceError) return error
  const code = codeOf(error)
  const text = messageOf(error)
  if (isGone(error)) {
    return new MillraceError('SYSTEM_UNAVAILABLE', `PostgreSQL cannot be reached: ${text || code}`, {
      place,
      cause: error,
    })
  }
  return new MillraceError('USER_CODE', `PostgreSQL refuses: ${text}${code === undefined ? '' : ` [${code}]`}`, {
    place,
    fix: fixOf(code),
    cause: error,
  })
}

function isGone(error: unknown): boolean {
  const code = codeOf(error)
  if (code !== undefined) return connectionCodes.has(code) || passing.test(code)
  return error instanceof Error && /connection|timeout|terminat/i.test(error.message)
}

export function isDataError(error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && dataError.test(code)
}

function fixOf(code: string | undefined): string | undefined {
  if (code === '42703') return 'The table has not all the columns of the config: add them, or choose another table.'
  if (code === '42P10') return 'The table has no unique index over primary.key: add one.'
  if (code === '42P01') return 'The table does not exist: make it, or set auto.create.'
  if (code === '28P01' || code === '28000') return 'Check user and password.'
  return code === '3D000' ? 'Create the database, or name another.' : undefined
}

/** One row that Postgres refuses, in words that name the column where Postgres does. */
export function refusedRow(error: unknown): MillraceError {
  const where = error instanceof Error && 'where' in error && typeof error.where === 'string' ? error.where : undefined
  const named = error instanceof Error && 'column' in error ? error.column : undefined
  const column = typeof named === 'string' ? named : /column ([^:]+):/.exec(where ?? '')?.[1]
  const value = /column [^:]+: "(.*)"$/s.exec(where ?? '')?.[1]
  const what = column === undefined ? 'the row is refused' : `column ${column} cannot hold the value`
  return new MillraceError('BAD_RECORD', `${what}: ${messageOf(error)} [${codeOf(error)}]`, {
    cause: error,
    ...(value !== undefined && { value }),
  })
}
