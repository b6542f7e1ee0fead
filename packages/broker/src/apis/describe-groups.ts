import type { ResponseOf } from '@millrace/protocol/internal'
import { allOperations, notAsked } from '../authorized-operations.ts'
import type { Handler } from '../engine.ts'
import type { ClassicGroup } from '../group/classic-group.ts'
import { noBytes } from '../group/member.ts'
import { refusal } from '../wire-error.ts'

type GroupAnswer = ResponseOf<'describeGroups'>['groups'][number]

/** State and members. Metadata is told once the protocol is settled; an assignment as long as it holds. */
export const answerDescribeGroups: Handler<'describeGroups'> = (engine, _context, request) => ({
  throttleTimeMs: 0,
  groups: [...new Set(request.groups)].map((groupId) => {
    const group = engine.groups.group(groupId)?.group
    if (group === undefined) return unknown(groupId)
    const operations = request.includeAuthorizedOperations ? allOperations.group : notAsked
    return { ...describe(group), authorizedOperations: operations }
  }),
})

function describe(group: ClassicGroup): GroupAnswer {
  const stable = group.state === 'Stable'
  return {
    errorCode: 0,
    errorMessage: null,
    groupId: group.groupId,
    groupState: group.state,
    protocolType: group.membership.protocolType ?? '',
    protocolData: stable ? (group.protocol ?? '') : '',
    members: [...group.membership.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: stable ? (member.metadataOf(group.protocol) ?? noBytes) : noBytes,
      memberAssignment: member.assignment,
    })),
    authorizedOperations: notAsked,
  }
}

function unknown(groupId: string): GroupAnswer {
  return {
    ...refusal('GROUP_ID_NOT_FOUND', `Group ${groupId} not found.`),
    groupId,
    groupState: 'Dead',
    protocolType: '',
    protocolData: '',
    members: [],
    authorizedOperations: notAsked,
  }
}
