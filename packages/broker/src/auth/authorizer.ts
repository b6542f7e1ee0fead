import type { BrokerPorts } from '../broker-ports.ts'
import { LogBudget } from '../log-budget.ts'
import {
  type Acl,
  anyName,
  anyPrincipal,
  appliesTo,
  clusterName,
  type OperationName,
  operations,
  operationsOf,
  patternTypes,
  permissions,
  type ResourceKind,
} from './acl.ts'
import type { AclStore } from './acl-store.ts'

/** What one user may do, coming from one host. */
export interface Rights {
  /** False: nothing needs to be asked. */
  readonly limited: boolean
  /** Denials are counted and logged, unless the question is only what to list. */
  may(operation: OperationName, kind: ResourceKind, name: string, quietly?: 'quietly'): boolean
  /** On the cluster as such. */
  mayOnCluster(operation: OperationName, quietly?: 'quietly'): boolean
  /** On any resource of that kind, whatever its name. */
  mayOnSome(operation: OperationName, kind: ResourceKind): boolean
  /** All that is allowed on a resource, a bit for each operation, as KIP-430 has it. */
  bits(kind: ResourceKind, name: string): number
}

export interface AuthorizerOptions {
  readonly enabled: boolean
  readonly superUsers: ReadonlySet<string>
  /** A resource without any ACL is everybody's. */
  readonly openWithoutAcl: boolean
}

/** Allowed too, where one of these is. */
const implying: { readonly [K in OperationName]?: readonly number[] } = {
  describe: [operations.read, operations.write, operations.delete, operations.alter],
  describeConfigs: [operations.alterConfigs],
}

const rememberedMost = 10_000
/** Of the denials of one user. */
const linesAMinute = 100
/** The longest name of a topic. A longer one, of a group as it may be, is neither remembered nor logged whole. */
const nameMost = 249

/** May do everything: where nobody is asked, in this process, and for super users. */
export const everything: Rights = {
  limited: false,
  may: () => true,
  mayOnCluster: () => true,
  mayOnSome: () => true,
  bits: (kind) => bitsOf(operationsOf[kind]),
}

/**
 * Kafka's StandardAuthorizer: a denial wins; an allowance of read, write, delete or alter allows to describe; what no
 * ACL speaks of is denied, unless `allow.everyone.if.no.acl.found`.
 */
export class Authorizer {
  readonly #acls: AclStore
  readonly #options: AuthorizerOptions
  readonly #ports: BrokerPorts
  readonly #rights = new Map<string, Rights>()
  readonly #budget: LogBudget

  constructor(acls: AclStore, options: AuthorizerOptions, ports: BrokerPorts) {
    this.#acls = acls
    this.#options = options
    this.#ports = ports
    this.#budget = new LogBudget(ports.clock, linesAMinute)
  }

  get enabled(): boolean {
    return this.#options.enabled
  }

  rightsOf(principal: string, host: string): Rights {
    const { enabled, superUsers } = this.#options
    if (!enabled || superUsers.has(principal)) return everything
    const key = `${principal}\n${host}`
    const known = this.#rights.get(key)
    if (known !== undefined) return known
    if (this.#rights.size >= rememberedMost) this.#rights.clear()
    const made = new LimitedRights(this.#acls, this.#options.openWithoutAcl, { principal, host }, this.#tell)
    this.#rights.set(key, made)
    return made
  }

  readonly #tell: Tell = (subject, denied) => {
    const { operation, resource } = denied
    const help = 'Requests, or parts of them, that were denied by ACLs'
    this.#ports.metrics.counter('millrace_broker_denied_total', help, { operation, resource }).add()
    if (!denied.isNew) return
    const more = this.#budget.take(subject.principal)
    if (more !== undefined) {
      this.#ports.log.warn('denied', { ...subject, operation, resource, name: denied.name, ...more })
    }
  }

  /** ACLs were added or removed: what was found out before does not hold any more. */
  changed(): void {
    this.#rights.clear()
  }
}

interface Subject {
  readonly principal: string
  readonly host: string
}

interface Denied {
  readonly operation: OperationName
  readonly resource: ResourceKind
  readonly name: string
  /** Not told yet of this subject, or long ago. */
  readonly isNew: boolean
}

/** Counts and logs a denial. */
type Tell = (subject: Subject, denied: Denied) => void

class LimitedRights implements Rights {
  readonly limited = true
  readonly #acls: AclStore
  readonly #openWithoutAcl: boolean
  readonly #subject: Subject
  readonly #tell: Tell
  readonly #known = new Map<string, boolean>()
  readonly #told = new Set<string>()

  constructor(acls: AclStore, openWithoutAcl: boolean, subject: Subject, tell: Tell) {
    this.#acls = acls
    this.#openWithoutAcl = openWithoutAcl
    this.#subject = subject
    this.#tell = tell
  }

  may(operation: OperationName, kind: ResourceKind, name: string, quietly?: 'quietly'): boolean {
    const key = `${operation} ${kind} ${name}`
    let allowed = this.#known.get(key)
    if (allowed === undefined) {
      allowed = this.#decide(operation, kind, name)
      if (this.#known.size >= rememberedMost) this.#known.clear()
      if (name.length <= nameMost) this.#known.set(key, allowed)
    }
    if (!allowed && quietly === undefined) this.#denied(operation, kind, name)
    return allowed
  }

  mayOnCluster(operation: OperationName, quietly?: 'quietly'): boolean {
    return this.may(operation, 'cluster', clusterName, quietly)
  }

  /** As Authorizer.authorizeByResourceType: an allowance that no denial covers whole. */
  mayOnSome(operation: OperationName, kind: ResourceKind): boolean {
    const mine = this.#acls.of(kind).filter((acl) => this.#isAbout(acl, operation))
    const denials = mine.filter((acl) => acl.permissionType === permissions.deny)
    if (denials.some((acl) => acl.patternType === patternTypes.literal && acl.resourceName === anyName)) return false
    const isFree = (acl: Acl) => !denials.some((denial) => covers(denial, acl))
    if (mine.some((acl) => acl.permissionType === permissions.allow && isFree(acl))) return true
    return this.#openWithoutAcl
  }

  bits(kind: ResourceKind, name: string): number {
    return bitsOf(operationsOf[kind].filter((operation) => this.may(operation, kind, name, 'quietly')))
  }

  #decide(operation: OperationName, kind: ResourceKind, name: string): boolean {
    let isSpokenOf = false
    let isAllowed = false
    for (const acl of this.#acls.of(kind)) {
      if (!appliesTo(acl, name)) continue
      isSpokenOf = true
      if (acl.permissionType === permissions.deny) {
        if (this.#isAbout(acl, operation)) return false
      } else if (this.#isAbout(acl, operation, implying[operation])) isAllowed = true
    }
    return isAllowed || (!isSpokenOf && this.#openWithoutAcl)
  }

  #isAbout(acl: Acl, operation: OperationName, implied: readonly number[] = []): boolean {
    if (acl.principal !== anyPrincipal && acl.principal !== this.#subject.principal) return false
    if (acl.host !== anyName && canonicalHost(acl.host) !== this.#subject.host) return false
    const { operation: asked } = acl
    return asked === operations.all || asked === operations[operation] || implied.includes(asked)
  }

  #denied(operation: OperationName, resource: ResourceKind, whole: string): void {
    const name = whole.length > nameMost ? `${whole.slice(0, nameMost)}…` : whole
    const key = `${operation} ${resource} ${name}`
    const isNew = !this.#told.has(key) // once for each
    if (this.#told.size >= rememberedMost) this.#told.clear()
    this.#told.add(key)
    this.#tell(this.#subject, { operation, resource, name, isNew })
  }
}

/**
 * An address as sockets name it. One of IPv6 can be written in many ways (Java's is `0:0:0:0:0:0:0:1`), and a denial
 * that nobody's address is spelt like would deny nothing.
 */
function canonicalHost(host: string): string {
  if (!host.includes(':')) return host
  const url = `http://[${host}]`
  return URL.canParse(url) ? new URL(url).hostname.slice(1, -1) : host
}

/** Whether everything an allowance gives is taken by a denial. */
function covers(denial: Acl, allowance: Acl): boolean {
  if (denial.patternType === patternTypes.prefixed) return allowance.resourceName.startsWith(denial.resourceName)
  return allowance.patternType === patternTypes.literal && denial.resourceName === allowance.resourceName
}

function bitsOf(allowed: readonly OperationName[]): number {
  let bits = 0
  for (const operation of allowed) bits |= 1 << operations[operation]
  return bits
}
