import { configError, nearest } from '@millrace/kernel'

/** @throws CONFIG for an option of another name, with the one that may have been meant. */
export function refuseUnknown(place: string, given: object, known: readonly string[]): void {
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue
    const near = nearest(name, known)
    const fix = near === undefined ? `Known: ${known.join(', ')}.` : `Did you mean "${near}"?`
    throw configError(place, 'has no such option', name, fix)
  }
}

/** @throws CONFIG where no directory is named. */
export function dataDirectory(place: string, data: unknown): string {
  if (typeof data === 'string' && data !== '') return data
  throw configError(`${place}.data`, 'must name a directory', data, "For example './data'.")
}
