import { fill, type RequestOf } from '@millrace/protocol/internal'
import { type Asker, all, denied, type Guard, split, topicName } from './guard.ts'

const keyTypes = { group: 0, transactionalId: 1 } as const

function mayRead({ rights }: Asker, { groupId }: { readonly groupId: string }): boolean {
  return rights.may('read', 'group', groupId)
}

export const guardJoinGroup: Guard<'joinGroup'> = all<'joinGroup'>(mayRead, ({ memberId }) =>
  fill('joinGroup', 'response', { errorCode: denied.group, memberId, protocolName: '' }),
)
export const guardSyncGroup: Guard<'syncGroup'> = all<'syncGroup'>(mayRead, () =>
  fill('syncGroup', 'response', { errorCode: denied.group }),
)
export const guardHeartbeat: Guard<'heartbeat'> = all<'heartbeat'>(mayRead, () =>
  fill('heartbeat', 'response', { errorCode: denied.group }),
)
export const guardLeaveGroup: Guard<'leaveGroup'> = all<'leaveGroup'>(mayRead, () =>
  fill('leaveGroup', 'response', { errorCode: denied.group }),
)

export const guardFindCoordinator: Guard<'findCoordinator'> = async ({ rights }, request, next) => {
  const { keyType } = request
  const parts = split(request.coordinatorKeys, (key) => {
    if (keyType === keyTypes.group) return rights.may('describe', 'group', key)
    if (keyType === keyTypes.transactionalId) return rights.may('describe', 'transactionalId', key)
    return rights.mayOnCluster('clusterAction')
  })
  if (parts.denied.length === 0) return await next(request)
  const kinds = [denied.group, denied.transactionalId] as const
  const errorCode = kinds[keyType] ?? denied.cluster
  const refused = fill('findCoordinator', 'response', {
    coordinators: parts.denied.map((key) => ({ key, nodeId: -1, port: -1, errorCode, errorMessage: null })),
  })
  if (parts.allowed.length === 0) return refused
  const answered = await next({ ...request, coordinatorKeys: parts.allowed })
  return { ...answered, coordinators: [...answered.coordinators, ...refused.coordinators] }
}

export const guardDescribeGroups: Guard<'describeGroups'> = async ({ rights }, request, next) => {
  const parts = split(request.groups, (groupId) => rights.may('describe', 'group', groupId))
  const refused = fill('describeGroups', 'response', {
    groups: parts.denied.map((groupId) => ({ groupId, errorCode: denied.group })),
  })
  if (parts.denied.length === request.groups.length) return refused
  const answered = await next({ ...request, groups: parts.allowed })
  return { ...answered, groups: [...answered.groups, ...refused.groups] }
}

export const guardListGroups: Guard<'listGroups'> = async ({ rights }, request, next) => {
  const answered = await next(request)
  if (rights.mayOnCluster('describe', 'quietly')) return answered
  const groups = answered.groups.filter(({ groupId }) => rights.may('describe', 'group', groupId, 'quietly'))
  return { ...answered, groups }
}

export const guardDeleteGroups: Guard<'deleteGroups'> = async ({ rights }, request, next) => {
  const parts = split(request.groupsNames, (groupId) => rights.may('delete', 'group', groupId))
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, groupsNames: parts.allowed })
  const refused = parts.denied.map((groupId) => ({ groupId, errorCode: denied.group }))
  return { ...answered, results: [...answered.results, ...refused] }
}

export const guardOffsetDelete: Guard<'offsetDelete'> = async ({ rights }, request, next) => {
  if (!rights.may('delete', 'group', request.groupId)) {
    return fill('offsetDelete', 'response', { errorCode: denied.group })
  }
  const parts = split(request.topics, ({ name }) => rights.may('read', 'topic', name))
  if (parts.denied.length === 0) return await next(request)
  const answered = await next({ ...request, topics: parts.allowed })
  const refused = parts.denied.map(({ name, partitions }) => ({
    name,
    partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: denied.topic })),
  }))
  return { ...answered, topics: [...answered.topics, ...refused] }
}

type CommitTopic = RequestOf<'offsetCommit'>['topics'][number]

export const guardOffsetCommit: Guard<'offsetCommit'> = async (asker, request, next) => {
  const refuse = (topics: readonly CommitTopic[], errorCode: number) =>
    fill('offsetCommit', 'response', {
      topics: topics.map(({ name, topicId, partitions }) => ({
        name,
        topicId,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
      })),
    })
  if (!mayRead(asker, request)) return refuse(request.topics, denied.group)
  const parts = split(request.topics, ({ topicId, name }) => {
    const known = topicName(asker, topicId, name)
    return known === undefined || asker.rights.may('read', 'topic', known)
  })
  if (parts.denied.length === 0) return await next(request)
  const refused = refuse(parts.denied, denied.topic)
  if (parts.allowed.length === 0) return refused
  const answered = await next({ ...request, topics: parts.allowed })
  return { ...answered, topics: [...answered.topics, ...refused.topics] }
}

/** Of all topics of a group those that may be described; of topics asked for by name the others are told as denied. */
export const guardOffsetFetch: Guard<'offsetFetch'> = async (asker, request, next) => {
  const { rights } = asker
  const mayDescribe = (topicId: string, name: string, quietly?: 'quietly') => {
    const known = topicName(asker, topicId, name)
    return known === undefined || rights.may('describe', 'topic', known, quietly)
  }
  const groups = split(request.groups, ({ groupId }) => rights.may('describe', 'group', groupId))
  const parts = new Map(
    groups.allowed.map(({ groupId, topics }) => [
      groupId,
      split(topics ?? [], ({ topicId, name }) => mayDescribe(topicId, name)),
    ]),
  )
  const asked = groups.allowed.map((group) => {
    return group.topics === null ? group : { ...group, topics: parts.get(group.groupId)?.allowed ?? [] }
  })
  const all = new Set(groups.allowed.filter(({ topics }) => topics === null).map(({ groupId }) => groupId))
  const answered = asked.length === 0 ? fill('offsetFetch', 'response', {}) : await next({ ...request, groups: asked })
  const completed = answered.groups.map((group) => {
    if (group.errorCode !== 0) return group
    if (all.has(group.groupId)) {
      return { ...group, topics: group.topics.filter(({ topicId, name }) => mayDescribe(topicId, name, 'quietly')) }
    }
    const refused = (parts.get(group.groupId)?.denied ?? []).map(({ name, topicId, partitionIndexes }) => ({
      name,
      topicId,
      partitions: partitionIndexes.map((partitionIndex) => ({
        partitionIndex,
        committedOffset: -1,
        committedLeaderEpoch: -1,
        metadata: '',
        errorCode: denied.topic,
      })),
    }))
    return { ...group, topics: [...group.topics, ...refused] }
  })
  const refused = groups.denied.map(({ groupId }) => ({ groupId, topics: [], errorCode: denied.group }))
  return { ...answered, groups: [...completed, ...refused] }
}
