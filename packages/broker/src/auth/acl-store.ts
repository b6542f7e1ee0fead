import { MillraceError } from '@millrace/kernel'
import { type Acl, type AclFilter, aclFields, aclKey, isMatch, type ResourceKind, resourceTypes } from './acl.ts'
import type { SecurityLog, SecurityRecord } from './security-log.ts'

const noAcls: readonly Acl[] = []

/** The ACLs, by type of resource. In force once they are on disk. */
export class AclStore {
  readonly #log: SecurityLog
  readonly #byKey = new Map<string, Acl>()
  #byType: ReadonlyMap<number, readonly Acl[]> = new Map()
  #changed: () => void = () => {}

  constructor(log: SecurityLog) {
    this.#log = log
  }

  /** One listener: called after each change. */
  onChange(listener: () => void): void {
    this.#changed = listener
  }

  of(kind: ResourceKind): readonly Acl[] {
    return this.#byType.get(resourceTypes[kind]) ?? noAcls
  }

  matching(filter: AclFilter): Acl[] {
    return [...this.#byKey.values()].filter((acl) => isMatch(acl, filter))
  }

  /** One that is there already is no error, as in Kafka. */
  async add(acls: readonly Acl[]): Promise<void> {
    const added = new Map(acls.map((acl) => [aclKey(acl), acl]))
    for (const key of added.keys()) if (this.#byKey.has(key)) added.delete(key)
    if (added.size === 0) return
    await this.#log.append([...added.values()].map((acl) => ({ key: { type: 'acl', ...aclFields(acl) }, value: {} })))
    for (const [key, acl] of added) this.#byKey.set(key, acl)
    this.#index()
  }

  async remove(acls: readonly Acl[]): Promise<void> {
    if (acls.length === 0) return
    await this.#log.append(acls.map((acl) => ({ key: { type: 'acl', ...aclFields(acl) }, value: null })))
    for (const acl of acls) this.#byKey.delete(aclKey(acl))
    this.#index()
  }

  /** A record of the log at the start. True if it was an ACL. @throws CORRUPT_FILE */
  take({ key, value }: SecurityRecord): boolean {
    if (key['type'] !== 'acl') return false
    const acl = aclIn(key)
    if (value === null) this.#byKey.delete(aclKey(acl))
    else this.#byKey.set(aclKey(acl), acl)
    return true
  }

  /** After the last record of the start. */
  loaded(): void {
    this.#index()
  }

  #index(): void {
    const byType = new Map<number, Acl[]>()
    for (const acl of this.#byKey.values()) {
      const known = byType.get(acl.resourceType)
      if (known === undefined) byType.set(acl.resourceType, [acl])
      else known.push(acl)
    }
    this.#byType = byType
    this.#changed()
  }
}

function aclIn(key: SecurityRecord['key']): Acl {
  const text = (name: string): string => {
    const value = key[name]
    if (typeof value === 'string') return value
    throw damaged(name)
  }
  const number = (name: string): number => {
    const value = key[name]
    if (typeof value === 'number') return value
    throw damaged(name)
  }
  return {
    resourceType: number('resourceType'),
    resourceName: text('resourceName'),
    patternType: number('patternType'),
    principal: text('principal'),
    host: text('host'),
    operation: number('operation'),
    permissionType: number('permissionType'),
  }
}

function damaged(name: string): MillraceError {
  return new MillraceError('CORRUPT_FILE', `an ACL has no ${name}`, { place: '__security' })
}
