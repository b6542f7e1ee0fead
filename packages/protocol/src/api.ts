import type { Fields } from './fields.ts'
import { noVersions, type VersionRange, type Versions, versionRange } from './versions.ts'

/** One API of the protocol: the tables of its two messages and the versions they hold for. */
export interface Api<Q extends Fields, S extends Fields> {
  readonly key: number
  /** The versions the tables describe. What a broker offers of them is the ledger's business. */
  readonly versions: VersionRange
  /** Versions with compact lengths and tag sections. */
  readonly flexible: VersionRange
  readonly request: Q
  readonly response: S
}

export function defineApi<const Q extends Fields, const S extends Fields>(definition: {
  readonly key: number
  readonly versions: Versions
  readonly flexible: Versions | 'none'
  readonly request: Q
  readonly response: S
}): Api<Q, S> {
  const { key, versions, flexible, request, response } = definition
  return {
    key,
    versions: versionRange(versions),
    flexible: flexible === 'none' ? noVersions : versionRange(flexible),
    request,
    response,
  }
}
