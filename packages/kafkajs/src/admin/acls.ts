import type { AclEntry, AclFilter, DeleteAclResponse, DescribeAclResponse } from '../admin.ts'
import { KafkaJSNonRetriableError } from '../errors.ts'
import { type Link, throwIfRefused } from '../link.ts'
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from '../resource-types.ts'
import { mayAskAgain } from './topics.ts'

/** @throws KafkaJSProtocolError of the first that was refused */
export async function createAcls(link: Link, acl: readonly AclEntry[]): Promise<void> {
  checkList('ACL', acl)
  for (const entry of acl) {
    for (const name of ['principal', 'host', 'resourceName'] as const) checkText('ACL', name, entry[name], true)
    checkKinds(entry)
  }
  await link.retrying(async () => {
    const answer = await link.ask(await controllerOf(link), 'createAcls', { creations: acl })
    for (const row of answer.results) throwIfRefused(row.errorCode, row.errorMessage)
  }, mayAskAgain)
}

export async function describeAcls(link: Link, filter: AclFilter): Promise<DescribeAclResponse> {
  checkFilter('ACL', filter)
  const answer = await link.retrying(async () => {
    const described = await link.ask(await controllerOf(link), 'describeAcls', wireFilter(filter))
    throwIfRefused(described.errorCode, described.errorMessage)
    return described
  }, mayAskAgain)
  return {
    errorCode: 0,
    throttleTime: 0,
    resources: answer.resources.map(({ resourceType, resourceName, patternType, acls }) => ({
      resourceType: oneOf(AclResourceTypes, resourceType),
      resourceName,
      resourcePatternType: oneOf(ResourcePatternTypes, patternType),
      acls: acls.map(({ principal, host, operation, permissionType }) => ({
        principal,
        host,
        operation: oneOf(AclOperationTypes, operation),
        permissionType: oneOf(AclPermissionTypes, permissionType),
      })),
    })),
  }
}

export async function deleteAcls(link: Link, filters: readonly AclFilter[]): Promise<DeleteAclResponse> {
  checkList('ACL Filter', filters)
  for (const filter of filters) checkFilter('ACL Filter', filter)
  const answer = await link.retrying(async () => {
    const deleted = await link.ask(await controllerOf(link), 'deleteAcls', { filters: filters.map(wireFilter) })
    for (const row of deleted.filterResults) throwIfRefused(row.errorCode, row.errorMessage)
    return deleted
  }, mayAskAgain)
  return {
    throttleTime: 0,
    filterResponses: answer.filterResults.map(({ errorCode, matchingAcls }) => ({
      errorCode,
      matchingAcls: matchingAcls.map((row) => ({
        errorCode: row.errorCode,
        ...(row.errorMessage === null ? {} : { errorMessage: row.errorMessage }),
        resourceType: oneOf(AclResourceTypes, row.resourceType),
        resourceName: row.resourceName,
        resourcePatternType: oneOf(ResourcePatternTypes, row.patternType),
        principal: row.principal,
        host: row.host,
        operation: oneOf(AclOperationTypes, row.operation),
        permissionType: oneOf(AclPermissionTypes, row.permissionType),
      })),
    })),
  }
}

function wireFilter(filter: AclFilter) {
  return {
    resourceTypeFilter: filter.resourceType,
    resourceNameFilter: filter.resourceName ?? null,
    patternTypeFilter: filter.resourcePatternType,
    principalFilter: filter.principal ?? null,
    hostFilter: filter.host ?? null,
    operation: filter.operation,
    permissionType: filter.permissionType,
  }
}

async function controllerOf(link: Link) {
  const cluster = await link.open()
  await cluster.refresh()
  return cluster.controller()
}

function checkFilter(what: string, filter: AclFilter): void {
  for (const name of ['principal', 'host', 'resourceName'] as const) checkText(what, name, filter[name], false)
  checkKinds(filter)
}

function checkList(what: string, given: readonly unknown[]): void {
  if (!Array.isArray(given)) throw new KafkaJSNonRetriableError(`Invalid ${what} array ${given}`)
  if (given.length === 0) throw new KafkaJSNonRetriableError(`Empty ${what} array`)
}

function checkText(what: string, name: string, value: unknown, isNeeded: boolean): void {
  if (typeof value === 'string' || (value === undefined && !isNeeded)) return
  throw new KafkaJSNonRetriableError(`Invalid ${what} array, the ${name}s have to be a valid string`)
}

type Kinds = Pick<AclFilter, 'operation' | 'resourcePatternType' | 'permissionType' | 'resourceType'>

function checkKinds(given: Kinds): void {
  checkKind('operation type', AclOperationTypes, given.operation, given)
  checkKind('resource pattern type', ResourcePatternTypes, given.resourcePatternType, given)
  checkKind('permission type', AclPermissionTypes, given.permissionType, given)
  checkKind('resource type', AclResourceTypes, given.resourceType, given)
}

function checkKind(what: string, kinds: Readonly<Record<string, number>>, value: number, given: object): void {
  if (Object.values(kinds).includes(value)) return
  throw new KafkaJSNonRetriableError(`Invalid ${what} ${value}: ${JSON.stringify(given)}`)
}

/** A number that kafkajs has no name for is its UNKNOWN. */
function oneOf<T extends { readonly UNKNOWN: 0 }>(kinds: T, wire: number): T[keyof T] | 0 {
  return Object.values(kinds).find((kind) => kind === wire) ?? kinds.UNKNOWN
}
