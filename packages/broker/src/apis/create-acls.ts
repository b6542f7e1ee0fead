import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { Acl } from '../auth/acl.ts'
import { aclOf } from '../auth/acl-requests.ts'
import type { Handler } from '../engine.ts'
import { wireError } from '../wire-error.ts'
import { noAuthorizer } from './describe-acls.ts'

type Asked = RequestOf<'createAcls'>['creations'][number]
type Answer = ResponseOf<'createAcls'>['results'][number]

const done: Answer = { errorCode: 0, errorMessage: null }

/** Adds ACLs: those that are right, be others wrong. In force, and on disk, when answered. */
export const answerCreateAcls: Handler<'createAcls'> = async ({ security }, _context, { creations }) => {
  const { acls, authorizer } = security
  if (!authorizer.enabled) return { throttleTimeMs: 0, results: creations.map(() => noAuthorizer()) }
  const read = creations.map(readOne)
  const right = read.flatMap((one) => ('acl' in one ? [one.acl] : []))
  let outcome = done
  try {
    await acls.add(right)
  } catch (error) {
    outcome = wireError(error)
  }
  return { throttleTimeMs: 0, results: read.map((one) => ('acl' in one ? outcome : one.refused)) }
}

function readOne(asked: Asked): { readonly acl: Acl } | { readonly refused: Answer } {
  try {
    return { acl: aclOf({ ...asked, patternType: asked.resourcePatternType }) }
  } catch (error) {
    return { refused: wireError(error) }
  }
}
