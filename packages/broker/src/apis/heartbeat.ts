import type { Handler } from '../engine.ts'
import { wire } from '../wire-error.ts'

export const answerHeartbeat: Handler<'heartbeat'> = (engine, _context, request) => {
  if (request.groupId === '') return { throttleTimeMs: 0, errorCode: wire('INVALID_GROUP_ID') }
  const { memberId, groupInstanceId, generationId } = request
  const claim = { memberId, groupInstanceId, generation: generationId }
  return { throttleTimeMs: 0, errorCode: wire(engine.groups.heartbeat(request.groupId, claim)) }
}
