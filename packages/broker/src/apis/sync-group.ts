import { Buffer } from 'node:buffer'
import type { Handler } from '../engine.ts'
import { refusedSync } from '../group/member.ts'
import { wire } from '../wire-error.ts'
import { untilClosed } from './until-closed.ts'

/** From here on a member says what it takes the group's protocol for (KIP-559). */
const firstVersionWithProtocol = 5

/** Waits for the leader's assignment, unless the group has one. */
export const answerSyncGroup: Handler<'syncGroup'> = async (engine, { apiVersion, closed }, request) => {
  const { protocolType, protocolName } = request
  if (apiVersion >= firstVersionWithProtocol && (protocolType === null || protocolName === null)) {
    const errorCode = wire('INCONSISTENT_GROUP_PROTOCOL')
    return { throttleTimeMs: 0, errorCode, protocolType: null, protocolName: null, assignment: Buffer.alloc(0) }
  }
  const synced = engine.groups.sync(request.groupId, {
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generation: request.generationId,
    protocolType,
    protocol: protocolName,
    // Copies: the request's bytes are its sender's again after the answer.
    assignments: new Map(request.assignments.map((one) => [one.memberId, Buffer.from(one.assignment)])),
  })
  const answer = await untilClosed(closed, synced, () => refusedSync('COORDINATOR_NOT_AVAILABLE'))
  return {
    throttleTimeMs: 0,
    errorCode: wire(answer.error),
    protocolType: answer.protocolType,
    protocolName: answer.protocol,
    assignment: answer.assignment,
  }
}
