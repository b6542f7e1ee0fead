/** Kafka's numbers (org.apache.kafka.common.acl, .resource). */
export const resourceTypes = { any: 1, topic: 2, group: 3, cluster: 4, transactionalId: 5, user: 7 } as const
export const patternTypes = { any: 1, match: 2, literal: 3, prefixed: 4 } as const
export const permissions = { any: 1, deny: 2, allow: 3 } as const
export const operations = {
  any: 1,
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
  createTokens: 13,
  describeTokens: 14,
  twoPhaseCommit: 15,
} as const

export type OperationName = Exclude<keyof typeof operations, 'any' | 'all'>
export type ResourceKind = 'topic' | 'group' | 'cluster' | 'transactionalId'

/** The only name a cluster has in ACLs. */
export const clusterName = 'kafka-cluster'
/** Stands for every name of a literal resource, for every user and for every host. */
export const anyName = '*'
export const anyPrincipal = 'User:*'

/** Who may, or may not, do what with which resources, and from where. In numbers, as the protocol has them. */
export interface Acl {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

/** Which ACLs are meant: null and "any" match all. */
export interface AclFilter {
  readonly resourceType: number
  readonly resourceName: string | null
  readonly patternType: number
  readonly principal: string | null
  readonly host: string | null
  readonly operation: number
  readonly permissionType: number
}

/** The operations that a resource knows, as AclEntry.supportedOperations of Kafka. */
export const operationsOf: { readonly [K in ResourceKind]: readonly OperationName[] } = {
  topic: ['read', 'write', 'create', 'describe', 'delete', 'alter', 'describeConfigs', 'alterConfigs'],
  group: ['read', 'describe', 'delete', 'describeConfigs', 'alterConfigs'],
  cluster: ['create', 'clusterAction', 'describeConfigs', 'alterConfigs', 'idempotentWrite', 'alter', 'describe'],
  transactionalId: ['describe', 'write', 'twoPhaseCommit'],
}

/** One text for one ACL. */
export function aclKey(acl: Acl): string {
  return JSON.stringify(aclFields(acl))
}

/** The fields of an ACL in one order. */
export function aclFields(acl: Acl) {
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = acl
  return { resourceType, resourceName, patternType, principal, host, operation, permissionType }
}

/** As Kafka's AclBindingFilter: `match` means every pattern that would apply to a resource of that name. */
export function isMatch(acl: Acl, filter: AclFilter): boolean {
  return (
    (filter.resourceType === resourceTypes.any || filter.resourceType === acl.resourceType) &&
    isPatternMatch(acl, filter) &&
    (filter.principal === null || filter.principal === acl.principal) &&
    (filter.host === null || filter.host === acl.host) &&
    (filter.operation === operations.any || filter.operation === acl.operation) &&
    (filter.permissionType === permissions.any || filter.permissionType === acl.permissionType)
  )
}

function isPatternMatch(acl: Acl, { resourceName, patternType }: AclFilter): boolean {
  const { any, match } = patternTypes
  if (patternType !== any && patternType !== match && patternType !== acl.patternType) return false
  if (resourceName === null) return true
  if (patternType !== match) return resourceName === acl.resourceName
  return appliesTo(acl, resourceName)
}

/** Whether the pattern of an ACL covers a resource of this name. */
export function appliesTo({ patternType, resourceName }: Acl, name: string): boolean {
  if (patternType === patternTypes.prefixed) return name.startsWith(resourceName)
  return resourceName === anyName || resourceName === name
}
