import { MillraceError } from '@millrace/kernel'

/** A value that `serde` cannot write. */
export function badValue(serde: string, expected: string, value: unknown): MillraceError {
  return new MillraceError('BAD_RECORD', `cannot write ${described(value)}`, {
    place: serde,
    fix: `Give it ${expected}, or declare another serde.`,
  })
}

/** Bytes that `serde` cannot read. `at` is the position of the first of them in the record's field. */
export function badBytes(serde: string, problem: string, at: number, cause?: unknown): MillraceError {
  return new MillraceError('BAD_RECORD', problem, {
    place: `${serde} at byte ${at}`,
    fix: 'Check that the topic was written with the serde that reads it.',
    ...(cause === undefined ? {} : { cause }),
  })
}

/** A text that `serde` cannot make a key of. */
export function badText(serde: string, expected: string, text: string): MillraceError {
  return new MillraceError('BAD_RECORD', `is not ${expected}`, { place: `${serde} key`, value: text })
}

/** What a value is, with as much of it as helps: `undefined`, `the number 1.5`, `an object of Date`. */
export function described(value: unknown): string {
  if (value === undefined || value === null) return String(value)
  if (typeof value === 'object') return `an object of ${Object.getPrototypeOf(value)?.constructor?.name ?? 'no class'}`
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value)
  return `the ${typeof value} ${text.length > 80 ? `${text.slice(0, 80)}…` : text}`
}
