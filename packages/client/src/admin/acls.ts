import { configError, nearest } from '@millrace/kernel'
import type { Acl, AclFilter } from '../admin.ts'
import { throwIfError } from '../cluster/cluster.ts'
import type { CallOptions } from '../consumer.ts'
import type { AdminLink } from './admin-link.ts'

/** Kafka's ResourceType, PatternType, AclOperation and AclPermissionType, by their numbers on the wire. */
const resources = { any: 1, topic: 2, group: 3, cluster: 4, 'transactional-id': 5, 'delegation-token': 6, user: 7 }
const patterns = { any: 1, match: 2, literal: 3, prefixed: 4 }
const operations = {
  any: 1,
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  'cluster-action': 9,
  'describe-configs': 10,
  'alter-configs': 11,
  'idempotent-write': 12,
  'create-tokens': 13,
  'describe-tokens': 14,
  'two-phase-commit': 15,
}
const permissions = { any: 1, deny: 2, allow: 3 }

export async function describeAcls(link: AdminLink, filter: AclFilter, options: CallOptions): Promise<readonly Acl[]> {
  const answer = await link.askAny('describeAcls', filterRow(filter), options)
  throwIfError(answer.errorCode, 'acls', answer.errorMessage ?? undefined)
  return answer.resources.flatMap((resource) => resource.acls.map((acl) => aclOf({ ...resource, ...acl })))
}

export async function createAcls(link: AdminLink, acls: readonly Acl[], options: CallOptions): Promise<void> {
  if (acls.length === 0) return
  const creations = acls.map((acl) => ({
    resourceType: numberOf('resource', acl.resource, resources),
    resourceName: acl.name,
    resourcePatternType: numberOf('pattern', acl.pattern ?? 'literal', patterns),
    principal: acl.principal,
    host: acl.host ?? '*',
    operation: numberOf('operation', acl.operation, operations),
    permissionType: numberOf('permission', acl.permission ?? 'allow', permissions),
  }))
  await link.retrying(options, async () => {
    const answer = await link.askController('createAcls', { creations }, options)
    answer.results.forEach((row, i) => {
      const acl = acls[i]
      throwIfError(
        row.errorCode,
        `acl of ${acl?.principal} on ${acl?.resource} ${acl?.name}`,
        row.errorMessage ?? undefined,
      )
    })
  })
}

export async function deleteAcls(
  link: AdminLink,
  filters: readonly AclFilter[],
  options: CallOptions,
): Promise<readonly Acl[]> {
  if (filters.length === 0) return []
  return link.retrying(options, async () => {
    const answer = await link.askController('deleteAcls', { filters: filters.map(filterRow) }, options)
    return answer.filterResults.flatMap((result) => {
      throwIfError(result.errorCode, 'acls', result.errorMessage ?? undefined)
      return result.matchingAcls.map((row) => {
        throwIfError(row.errorCode, `acl of ${row.principal} on ${row.resourceName}`, row.errorMessage ?? undefined)
        return aclOf(row)
      })
    })
  })
}

function filterRow(filter: AclFilter) {
  return {
    resourceTypeFilter: numberOf('resource', filter.resource ?? 'any', resources),
    resourceNameFilter: filter.name ?? null,
    patternTypeFilter: numberOf('pattern', filter.pattern ?? 'any', patterns),
    principalFilter: filter.principal ?? null,
    hostFilter: filter.host ?? null,
    operation: numberOf('operation', filter.operation ?? 'any', operations),
    permissionType: numberOf('permission', filter.permission ?? 'any', permissions),
  }
}

interface AclRow {
  readonly resourceType: number
  readonly resourceName: string
  readonly patternType: number
  readonly principal: string
  readonly host: string
  readonly operation: number
  readonly permissionType: number
}

function aclOf(row: AclRow): Acl {
  return {
    resource: nameOf(row.resourceType, resources),
    name: row.resourceName,
    pattern: nameOf(row.patternType, patterns),
    principal: row.principal,
    host: row.host,
    operation: nameOf(row.operation, operations),
    permission: nameOf(row.permissionType, permissions),
  }
}

function numberOf(field: string, name: string, table: Readonly<Record<string, number>>): number {
  const found = Object.hasOwn(table, name) ? table[name] : undefined
  if (found !== undefined) return found
  const near = nearest(name, Object.keys(table))
  const fix = near === undefined ? `Known are ${Object.keys(table).join(', ')}.` : `Did you mean "${near}"?`
  throw configError(`acl.${field}`, 'is not known', name, fix)
}

/** One that is newer than this table has no name here. */
function nameOf<N extends string>(wire: number, table: Readonly<Record<N, number>>): N | 'unknown' {
  for (const name in table) if (table[name] === wire) return name
  return 'unknown'
}
