import type { ResponseOf } from '@millrace/protocol/internal'
import type { Acl } from '../auth/acl.ts'
import { filterOf } from '../auth/acl-requests.ts'
import type { Handler } from '../engine.ts'
import { refusal, wireError } from '../wire-error.ts'

type ResourceAnswer = ResponseOf<'describeAcls'>['resources'][number]

/** The ACLs that a filter matches, those of one resource together. */
export const answerDescribeAcls: Handler<'describeAcls'> = ({ security }, _context, request) => {
  if (!security.authorizer.enabled) return { throttleTimeMs: 0, ...noAuthorizer(), resources: [] }
  try {
    const filter = filterOf({
      ...request,
      resourceType: request.resourceTypeFilter,
      patternType: request.patternTypeFilter,
    })
    const acls = security.acls.matching(filter)
    return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, resources: byResource(acls) }
  } catch (error) {
    return { throttleTimeMs: 0, ...wireError(error), resources: [] }
  }
}

export function noAuthorizer() {
  return refusal('SECURITY_DISABLED', 'No authorizer is configured: set authorizer.class.name=acl and start again.')
}

function byResource(acls: readonly Acl[]): ResourceAnswer[] {
  const resources = new Map<string, { -readonly [K in keyof ResourceAnswer]: ResourceAnswer[K] }>()
  for (const { resourceType, resourceName, patternType, ...acl } of acls) {
    const key = `${resourceType} ${patternType} ${resourceName}`
    const known = resources.get(key) ?? { resourceType, resourceName, patternType, acls: [] }
    known.acls = [...known.acls, acl]
    resources.set(key, known)
  }
  return [...resources.values()]
}
