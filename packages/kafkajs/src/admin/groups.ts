import type { Connection } from '@millrace/client/internal'
import type { ConsumerGroupState, GroupDescription } from '../consumer.ts'
import {
  type DeleteGroupsResult,
  KafkaJSDeleteGroupsError,
  KafkaJSNonRetriableError,
  KafkaJSProtocolError,
} from '../errors.ts'
import { type Link, refusal, throwIfRefused } from '../link.ts'

const states = new Map<string, ConsumerGroupState>([
  ['PreparingRebalance', 'PreparingRebalance'],
  ['CompletingRebalance', 'CompletingRebalance'],
  ['Stable', 'Stable'],
  ['Dead', 'Dead'],
  ['Empty', 'Empty'],
])

export interface GroupOverview {
  groupId: string
  protocolType: string
}

/** A connection to the broker that coordinates a group. @throws KafkaJSProtocolError, retriable while it moves */
export async function coordinatorOf(link: Link, groupId: string): Promise<Connection> {
  const cluster = await link.open()
  return cluster.to(await cluster.groupCoordinator(groupId))
}

export async function describedGroups(link: Link, groupIds: readonly string[]): Promise<GroupDescription[]> {
  const groups = groupIds.map((groupId) =>
    link.retrying(async () => {
      const connection = await coordinatorOf(link, groupId)
      const answer = await link.ask(connection, 'describeGroups', { groups: [groupId] })
      return answer.groups.map((group) => {
        // From version 6 on a coordinator says of a group it does not have that it does not; before, that it is dead.
        const unknown = refusal(group.errorCode).type === 'GROUP_ID_NOT_FOUND'
        if (!unknown) throwIfRefused(group.errorCode)
        return {
          errorCode: 0,
          groupId: group.groupId,
          protocol: group.protocolData,
          protocolType: group.protocolType,
          state: unknown ? ('Dead' as const) : (states.get(group.groupState) ?? ('Unknown' as const)),
          members: group.members.map(({ clientHost, clientId, memberId, memberAssignment, memberMetadata }) => ({
            clientHost,
            clientId,
            memberId,
            memberAssignment,
            memberMetadata,
          })),
        }
      })
    }),
  )
  return (await Promise.all(groups)).flat()
}

export async function listedGroups(link: Link): Promise<GroupOverview[]> {
  return link.retrying(async () => {
    const cluster = await link.open()
    await cluster.refresh()
    const groups = [...cluster.brokers()].map(async (nodeId) => {
      const answer = await link.ask(await cluster.to(nodeId), 'listGroups', {})
      throwIfRefused(answer.errorCode)
      return answer.groups.map(({ groupId, protocolType }) => ({ groupId, protocolType }))
    })
    return (await Promise.all(groups)).flat()
  })
}

/** @throws KafkaJSDeleteGroupsError naming those that are left, and why */
export async function deletedGroups(link: Link, groupIds: readonly string[]): Promise<DeleteGroupsResult[]> {
  if (!Array.isArray(groupIds)) throw new KafkaJSNonRetriableError(`Invalid groupIds array ${groupIds}`)
  if (groupIds.some((groupId) => typeof groupId !== 'string')) {
    throw new KafkaJSNonRetriableError(`Invalid groupId name: ${JSON.stringify(groupIds)}`)
  }
  const results: DeleteGroupsResult[] = []
  const failed: DeleteGroupsResult[] = []
  for (const groupId of groupIds) {
    try {
      await link.retrying(async () => {
        const answer = await link.ask(await coordinatorOf(link, groupId), 'deleteGroups', { groupsNames: [groupId] })
        for (const row of answer.results) throwIfRefused(row.errorCode)
      })
      results.push({ groupId, errorCode: 0 })
    } catch (error) {
      if (!(error instanceof KafkaJSProtocolError)) throw error
      failed.push({ groupId, errorCode: error.code, error })
    }
  }
  if (failed.length > 0) throw new KafkaJSDeleteGroupsError('Error in DeleteGroups', failed)
  return results
}
