import { Buffer } from 'node:buffer'
import type { Handler } from '../engine.ts'
import { wire } from '../wire-error.ts'

/** Waits for the leader's assignment, unless the group has one. */
export const answerSyncGroup: Handler<'syncGroup'> = async (engine, _context, request) => {
  const answer = await engine.groups.sync(request.groupId, {
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generation: request.generationId,
    protocolType: request.protocolType,
    protocol: request.protocolName,
    // Copies: the request's bytes are its sender's again after the answer.
    assignments: new Map(request.assignments.map((one) => [one.memberId, Buffer.from(one.assignment)])),
  })
  return {
    throttleTimeMs: 0,
    errorCode: wire(answer.error),
    protocolType: answer.protocolType,
    protocolName: answer.protocol,
    assignment: answer.assignment,
  }
}
