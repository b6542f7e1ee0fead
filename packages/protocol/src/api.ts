import type { Fields, ValueOf } from './fields.ts'
import { noVersions, type VersionRange, type Versions, versionRange } from './versions.ts'

/**
 * Where Kafka moved fields instead of adding them, the older layout and the newer one say the same thing in different
 * fields. Values always have the newer layout; these two carry it over. A layout that cannot say it is returned as it
 * is, and the codec refuses it for the field that is set.
 */
export interface Reshape<V> {
  /** The first version with the newer layout. */
  readonly before: number
  toOlder(value: V): V
  toNewer(value: V): V
}

export interface Reshapes<Q extends Fields, S extends Fields> {
  readonly request?: Reshape<ValueOf<Q>>
  readonly response?: Reshape<ValueOf<S>>
}

/** One API of the protocol: the tables of its two messages and the versions they hold for. */
export interface Api<Q extends Fields, S extends Fields> {
  readonly key: number
  /** The versions the tables describe. What a broker offers of them is the ledger's business. */
  readonly versions: VersionRange
  /** Versions with compact lengths and tag sections. */
  readonly flexible: VersionRange
  readonly request: Q
  readonly response: S
  readonly reshape: Reshapes<Q, S>
}

export function defineApi<const Q extends Fields, const S extends Fields>(definition: {
  readonly key: number
  readonly versions: Versions
  readonly flexible: Versions | 'none'
  readonly request: Q
  readonly response: S
  readonly reshape?: Reshapes<Q, S>
}): Api<Q, S> {
  const { key, versions, flexible, request, response, reshape = {} } = definition
  return {
    key,
    versions: versionRange(versions),
    flexible: flexible === 'none' ? noVersions : versionRange(flexible),
    request,
    response,
    reshape,
  }
}
