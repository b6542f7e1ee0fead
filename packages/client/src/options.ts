import { configError, nearest } from '@millrace/kernel'

/** Refuses a misspelt option by name. */
export function refuseUnknown(place: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const fix = near === undefined ? `Known are ${known.join(', ')}.` : `Did you mean "${near}"?`
    throw configError(place, 'has no such option', name, fix)
  }
}

/** A whole number within bounds, or the fallback where nothing is given. @throws CONFIG */
export function wholeNumber(
  option: string,
  given: number | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  const value = given ?? fallback
  if (!Number.isInteger(value) || value < min || value > max) {
    throw configError(option, 'is out of range', value, `Give a whole number from ${min} to ${max}.`)
  }
  return value
}

/** One of the named choices, or the fallback where nothing is given. @throws CONFIG */
export function oneOf<T extends string | number>(
  option: string,
  given: T | undefined,
  fallback: T,
  choices: readonly T[],
): T {
  const value = given ?? fallback
  if (!choices.includes(value))
    throw configError(option, 'is no such choice', value, `Give one of ${choices.join(', ')}.`)
  return value
}
