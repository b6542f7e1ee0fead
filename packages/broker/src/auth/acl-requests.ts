import { kafkaError } from '@millrace/kernel'
import {
  type Acl,
  type AclFilter,
  anyName,
  clusterName,
  operations,
  patternTypes,
  permissions,
  resourceTypes,
} from './acl.ts'

const place = 'ACL'
const nameMost = 32_767 / 2
const knownTypes: ReadonlySet<number> = new Set(Object.values(resourceTypes))
const knownOperations: ReadonlySet<number> = new Set(Object.values(operations))
const knownPatterns: ReadonlySet<number> = new Set(Object.values(patternTypes))

/** A filter as requests have it. @throws INVALID_REQUEST for a number that stands for nothing here */
export function filterOf(asked: {
  readonly resourceType: number
  readonly resourceNameFilter: string | null
  readonly patternType: number
  readonly principalFilter: string | null
  readonly hostFilter: string | null
  readonly operation: number
  readonly permissionType: number
}): AclFilter {
  const { resourceType, patternType, operation, permissionType } = asked
  check(knownTypes.has(resourceType), `${resourceType} is no type of resource that is known here.`)
  check(knownPatterns.has(patternType), `${patternType} is no type of pattern.`)
  check(knownOperations.has(operation), `${operation} is no operation.`)
  check(permissionType >= permissions.any && permissionType <= permissions.allow, `${permissionType} is no permission.`)
  return {
    resourceType,
    resourceName: asked.resourceNameFilter,
    patternType,
    principal: asked.principalFilter,
    host: asked.hostFilter,
    operation,
    permissionType,
  }
}

/** An ACL that can be. @throws INVALID_REQUEST */
export function aclOf(asked: Acl): Acl {
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = asked
  check(knownTypes.has(resourceType) && resourceType !== resourceTypes.any, `${resourceType} is no type of resource.`)
  const isPattern = patternType === patternTypes.literal || patternType === patternTypes.prefixed
  check(isPattern, 'The pattern must be literal (3) or prefixed (4).')
  check(resourceName !== '' && resourceName.length < nameMost, 'The resource has no name, or too long a one.')
  if (resourceType === resourceTypes.cluster) {
    const isCluster = resourceName === clusterName || resourceName === anyName
    check(
      isCluster && patternType === patternTypes.literal,
      `The only name for the CLUSTER resource is ${clusterName}.`,
    )
  }
  check(/^[^:]+:.+/.test(principal), 'A principal is written TYPE:NAME, as User:alice.')
  check(host !== '', 'The host is empty: * stands for all.')
  check(knownOperations.has(operation) && operation !== operations.any, `${operation} is no operation.`)
  const isPermission = permissionType === permissions.allow || permissionType === permissions.deny
  check(isPermission, 'The permission must be deny (2) or allow (3).')
  return { resourceType, resourceName, patternType, principal, host, operation, permissionType }
}

function check(isRight: boolean, otherwise: string): void {
  if (!isRight) throw kafkaError('INVALID_REQUEST', place, otherwise)
}
