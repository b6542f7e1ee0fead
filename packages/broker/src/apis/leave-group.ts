import type { Handler } from '../engine.ts'
import { wire } from '../wire-error.ts'

/** Members leave one by one; each has its own answer. */
export const answerLeaveGroup: Handler<'leaveGroup'> = (engine, _context, request) => {
  if (request.groupId === '') return { throttleTimeMs: 0, errorCode: wire('INVALID_GROUP_ID'), members: [] }
  const members = request.members.map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId,
    errorCode: wire(engine.groups.leave(request.groupId, memberId, groupInstanceId)),
  }))
  return { throttleTimeMs: 0, errorCode: 0, members }
}
