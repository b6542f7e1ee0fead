import { codeOf, kafkaError, partitionName, type TopicPartition } from '@millrace/kernel'
import type { ResponseOf } from '@millrace/protocol/internal'
import type { GroupDescription, ListedGroup } from '../admin.ts'
import { throwIfError } from '../cluster/cluster.ts'
import { decodeAssignment } from '../consumer/consumer-protocol.ts'
import type { CallOptions } from '../consumer.ts'
import type { AdminLink } from './admin-link.ts'
import { byTopic } from './topics.ts'

export async function listGroups(link: AdminLink, options: CallOptions): Promise<readonly ListedGroup[]> {
  const groups = (await link.askAll('listGroups', {}, options)).flatMap(({ nodeId, answer }) => {
    throwIfError(answer.errorCode, `broker ${nodeId}`)
    return answer.groups
  })
  return groups.map(({ groupId, protocolType, groupState: state }) => ({ groupId, protocolType, state }))
}

export function describeGroup(link: AdminLink, groupId: string, options: CallOptions): Promise<GroupDescription> {
  return link.withCoordinator('group', groupId, options, async (connection) => {
    const answer = await link.ask(connection, 'describeGroups', { groups: [groupId] }, options)
    const group = answer.groups[0]
    if (group === undefined) throw kafkaError('GROUP_ID_NOT_FOUND', `group ${groupId}`)
    throwIfError(group.errorCode, `group ${groupId}`, group.errorMessage ?? undefined)
    return described(group)
  })
}

export function deleteGroup(link: AdminLink, groupId: string, options: CallOptions): Promise<void> {
  return link.withCoordinator('group', groupId, options, async (connection) => {
    const answer = await link.ask(connection, 'deleteGroups', { groupsNames: [groupId] }, options)
    for (const row of answer.results) throwIfError(row.errorCode, `group ${row.groupId}`)
  })
}

export function deleteGroupOffsets(
  link: AdminLink,
  groupId: string,
  partitions: readonly TopicPartition[],
  options: CallOptions,
): Promise<void> {
  const topics = [...byTopic(partitions)].map(([name, list]) => ({
    name,
    partitions: list.map((partitionIndex) => ({ partitionIndex })),
  }))
  return link.withCoordinator('group', groupId, options, async (connection) => {
    const answer = await link.ask(connection, 'offsetDelete', { groupId, topics }, options)
    throwIfError(answer.errorCode, `group ${groupId}`)
    for (const { name, partitions: rows } of answer.topics) {
      for (const row of rows) {
        throwIfError(row.errorCode, `${partitionName(name, row.partitionIndex)} of group ${groupId}`)
      }
    }
  })
}

function described(group: ResponseOf<'describeGroups'>['groups'][number]): GroupDescription {
  return {
    groupId: group.groupId,
    state: group.groupState,
    protocolType: group.protocolType,
    protocol: group.protocolData,
    members: group.members.map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      partitions: group.protocolType === 'consumer' ? partitionsOf(member.memberAssignment) : [],
    })),
  }
}

/** Members of a foreign kind may put what they like there. */
function partitionsOf(assignment: Parameters<typeof decodeAssignment>[0]): readonly TopicPartition[] {
  try {
    return decodeAssignment(assignment).partitions
  } catch (error) {
    if (codeOf(error) === 'CORRUPT_MESSAGE') return []
    throw error
  }
}
