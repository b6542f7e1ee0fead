import type { Handler } from '../engine.ts'

/** All groups. Filters that name nothing let everything through; names are compared without case. */
export const answerListGroups: Handler<'listGroups'> = (engine, _context, request) => {
  const states = new Set(request.statesFilter.map((state) => state.toLowerCase()))
  const types = new Set(request.typesFilter.map((type) => type.toLowerCase()))
  const groups = engine.groups
    .all()
    .map(({ group }) => ({
      groupId: group.groupId,
      protocolType: group.membership.protocolType ?? '',
      groupState: group.state,
      groupType: 'classic',
    }))
    .filter(({ groupState }) => states.size === 0 || states.has(groupState.toLowerCase()))
    .filter(({ groupType }) => types.size === 0 || types.has(groupType))
  return { throttleTimeMs: 0, errorCode: 0, groups }
}
