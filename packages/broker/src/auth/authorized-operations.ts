import type { ApiName, RequestOf, ResponseOf } from '@millrace/protocol/internal'
import { clusterName } from './acl.ts'
import type { Rights } from './authorizer.ts'

type Tell<A extends ApiName> = (rights: Rights, request: RequestOf<A>, response: ResponseOf<A>) => ResponseOf<A>

/** The answers that can list what is allowed, a bit for each operation (KIP-430), and when they do. */
const tellers: { readonly [A in ApiName]?: Tell<A> } = {
  metadata: (rights, request, response) => {
    const { includeTopicAuthorizedOperations: ofTopics, includeClusterAuthorizedOperations: ofCluster } = request
    if (!ofTopics && !ofCluster) return response
    const { clusterAuthorizedOperations: notAsked, topics } = response
    return {
      ...response,
      clusterAuthorizedOperations: ofCluster ? clusterBits(rights) : notAsked,
      topics: ofTopics ? topics.map((topic) => withTopicBits(rights, topic)) : topics,
    }
  },
  describeCluster: (rights, request, response) => {
    if (!request.includeClusterAuthorizedOperations || response.errorCode !== 0) return response
    return { ...response, clusterAuthorizedOperations: clusterBits(rights) }
  },
  describeGroups: (rights, request, response) => {
    if (!request.includeAuthorizedOperations) return response
    const groups = response.groups.map((group) =>
      group.errorCode === 0 ? { ...group, authorizedOperations: rights.bits('group', group.groupId) } : group,
    )
    return { ...response, groups }
  },
  describeTopicPartitions: (rights, _request, response) => ({
    ...response,
    topics: response.topics.map((topic) => withTopicBits(rights, topic)),
  }),
}

export function tellOperations<A extends ApiName>(
  rights: Rights,
  api: A,
  request: RequestOf<A>,
  response: ResponseOf<A>,
): ResponseOf<A> {
  const tell: Tell<A> | undefined = tellers[api]
  return tell === undefined ? response : tell(rights, request, response)
}

function clusterBits(rights: Rights): number {
  return rights.mayOnCluster('describe', 'quietly') ? rights.bits('cluster', clusterName) : 0
}

function withTopicBits<T extends { readonly errorCode: number; readonly name: string | null }>(
  rights: Rights,
  topic: T,
): T {
  if (topic.errorCode !== 0 || topic.name === null) return topic
  return { ...topic, topicAuthorizedOperations: rights.bits('topic', topic.name) }
}
