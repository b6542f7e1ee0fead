import {
  type ApiName,
  apiOf,
  newestVersion,
  type RequestOf,
  type ResponseOf,
  zeroUuid,
} from '@millrace/protocol/internal'

/**
 * From some version on a message names its topics by id alone. Such a version is spoken only when every topic of the
 * request has an id, and the names are put back into the response, so that callers need not know.
 */
export interface TopicIdRule<A extends ApiName> {
  /** The first version without names. */
  readonly from: number
  allHaveIds(request: RequestOf<A>): boolean
  withNames(request: RequestOf<A>, response: ResponseOf<A>): ResponseOf<A>
}

const rules: { readonly [A in ApiName]?: TopicIdRule<A> } = {
  produce: {
    from: 13,
    allHaveIds: (request) => request.topicData.every((topic) => topic.topicId !== zeroUuid),
    withNames: (request, response) => {
      const names = new Map(request.topicData.map((topic) => [topic.topicId, topic.name]))
      const responses = response.responses.map((topic) => ({ ...topic, name: names.get(topic.topicId) ?? topic.name }))
      return { ...response, responses }
    },
  },
  fetch: {
    from: 13,
    allHaveIds: (request) =>
      request.topics.every((topic) => topic.topicId !== zeroUuid) &&
      request.forgottenTopicsData.every((topic) => topic.topicId !== zeroUuid),
    withNames: (request, response) => {
      const names = new Map(request.topics.map((topic) => [topic.topicId, topic.topic]))
      const responses = response.responses.map((topic) => ({
        ...topic,
        topic: names.get(topic.topicId) ?? topic.topic,
      }))
      return { ...response, responses }
    },
  },
  offsetCommit: {
    from: 10,
    allHaveIds: (request) => request.topics.every((topic) => topic.topicId !== zeroUuid),
    withNames: (request, response) => {
      const names = new Map(request.topics.map((topic) => [topic.topicId, topic.name]))
      const topics = response.topics.map((topic) => ({ ...topic, name: names.get(topic.topicId) ?? topic.name }))
      return { ...response, topics }
    },
  },
  offsetFetch: {
    from: 10,
    allHaveIds: () => false, // asking for all topics would be answered without names
    withNames: (_request, response) => response,
  },
}

export function topicIdRule<A extends ApiName>(api: A): TopicIdRule<A> | undefined {
  return rules[api]
}

/** The newest version that both sides know, up to `versionMax`, and that can carry the request; undefined for none. */
export function versionFor<A extends ApiName>(
  api: A,
  request: RequestOf<A>,
  peer: { readonly min: number; readonly max: number } | undefined,
  versionMax = newestVersion,
): number | undefined {
  if (peer === undefined) return undefined
  const own = apiOf(api).versions
  const rule = topicIdRule(api)
  let version = Math.min(own.max, peer.max, versionMax)
  if (rule !== undefined && version >= rule.from && !rule.allHaveIds(request)) version = rule.from - 1
  return version >= own.min && version >= peer.min ? version : undefined
}
