import { MillraceError, type MillraceErrorCode, messageOf } from '@millrace/kernel'

/** A message that a table does not fit, on its way up: each level puts its name in front of the path. */
export class FieldFault extends Error {
  override readonly name = 'FieldFault'
  readonly code: MillraceErrorCode
  path = ''

  constructor(code: MillraceErrorCode, message: string, cause?: unknown) {
    super(message, { cause })
    this.code = code
  }
}

/** `error` as a fault, with `step` in front of its path: `topics`, or `[3]` for an item of a list. */
export function faultAt(error: unknown, step: string, code: MillraceErrorCode): FieldFault {
  const fault = error instanceof FieldFault ? error : new FieldFault(code, messageOf(error), error)
  fault.path = fault.path === '' || fault.path.startsWith('[') ? `${step}${fault.path}` : `${step}.${fault.path}`
  return fault
}

/** The error that leaves the codec: which message, which field, what is wrong. */
export function messageError(error: unknown, message: string, code: MillraceErrorCode, where = ''): MillraceError {
  if (!(error instanceof FieldFault)) {
    return new MillraceError(code, messageOf(error), { place: `${message}${where}`, cause: error })
  }
  const field = error.path === '' ? '' : `, ${error.path}`
  return new MillraceError(error.code, error.message, { place: `${message}${field}${where}`, cause: error.cause })
}
