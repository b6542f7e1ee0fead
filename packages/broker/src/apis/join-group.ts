import { Buffer } from 'node:buffer'
import type { Handler } from '../engine.ts'
import { refusedJoin } from '../group/member.ts'
import { wire } from '../wire-error.ts'
import { untilClosed } from './until-closed.ts'

const firstVersionWithMemberIds = 4
const firstVersionWithNullProtocol = 7
const firstVersionWithSkip = 9

/** Waits until the generation is complete. */
export const answerJoinGroup: Handler<'joinGroup'> = async (engine, context, request) => {
  const { apiVersion } = context
  const joined = engine.groups.join(request.groupId, {
    memberId: request.memberId,
    protocolType: request.protocolType,
    profile: {
      groupInstanceId: request.groupInstanceId,
      clientId: context.clientId ?? '',
      clientHost: `/${context.clientHost}`,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs < 0 ? request.sessionTimeoutMs : request.rebalanceTimeoutMs,
      sessionTimeoutMs: request.sessionTimeoutMs,
      // The request's bytes go back to their sender with the answer; a member's metadata stays.
      protocols: request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) })),
    },
    requiresMemberId: apiVersion >= firstVersionWithMemberIds,
    canSkipAssignment: apiVersion >= firstVersionWithSkip,
  })
  const answer = await untilClosed(context.closed, joined, () =>
    refusedJoin('COORDINATOR_NOT_AVAILABLE', request.memberId),
  )
  return {
    throttleTimeMs: 0,
    errorCode: wire(answer.error),
    generationId: answer.generation,
    protocolType: answer.protocolType,
    protocolName: answer.protocol ?? (apiVersion >= firstVersionWithNullProtocol ? null : ''),
    leader: answer.leader,
    skipAssignment: answer.skipAssignment,
    memberId: answer.memberId,
    members: answer.members,
  }
}
