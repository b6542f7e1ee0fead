import type { Handler } from '../engine.ts'
import { wire } from '../wire-error.ts'

export const answerDeleteGroups: Handler<'deleteGroups'> = async (engine, _context, request) => ({
  throttleTimeMs: 0,
  results: await Promise.all(
    request.groupsNames.map(async (groupId) => ({ groupId, errorCode: wire(await engine.groups.delete(groupId)) })),
  ),
})
