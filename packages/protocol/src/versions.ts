import { assert } from '@millrace/kernel'

/** Versions of an API: `3`, `3-12`, or `3+` for "from 3 on". The notation of Kafka's own message definitions. */
export type Versions = `${number}` | `${number}-${number}` | `${number}+`

export interface VersionRange {
  readonly min: number
  readonly max: number
}

/** The highest version number a header can carry. Stands for "and everything after". */
export const newestVersion = 0x7fff

/** No version at all. */
export const noVersions: VersionRange = { min: 0, max: -1 }

export function versionRange(text: Versions): VersionRange {
  const parts = /^(\d+)(?:(\+)|-(\d+))?$/.exec(text)
  assert(parts !== null, () => `"${text}" is not a range of versions`)
  const min = Number(parts[1])
  return { min, max: parts[2] === '+' ? newestVersion : parts[3] === undefined ? min : Number(parts[3]) }
}

export function includes(range: VersionRange, version: number): boolean {
  return version >= range.min && version <= range.max
}
