import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import { filterOf } from '../auth/acl-requests.ts'
import type { Engine, Handler } from '../engine.ts'
import { wireError } from '../wire-error.ts'
import { noAuthorizer } from './describe-acls.ts'

type Filter = RequestOf<'deleteAcls'>['filters'][number]
type Answer = ResponseOf<'deleteAcls'>['filterResults'][number]

/** Removes what the filters match, and says what that was. */
export const answerDeleteAcls: Handler<'deleteAcls'> = async (engine, _context, { filters }) => {
  const filterResults: Answer[] = []
  for (const filter of filters) filterResults.push(await answerOne(engine, filter))
  return { throttleTimeMs: 0, filterResults }
}

async function answerOne({ security }: Engine, filter: Filter): Promise<Answer> {
  if (!security.authorizer.enabled) return { ...noAuthorizer(), matchingAcls: [] }
  try {
    const { resourceTypeFilter: resourceType, patternTypeFilter: patternType } = filter
    const matching = security.acls.matching(filterOf({ ...filter, resourceType, patternType }))
    await security.acls.remove(matching)
    return {
      errorCode: 0,
      errorMessage: null,
      matchingAcls: matching.map((acl) => ({ errorCode: 0, errorMessage: null, ...acl })),
    }
  } catch (error) {
    return { ...wireError(error), matchingAcls: [] }
  }
}
