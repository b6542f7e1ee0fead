import { defineApi } from '../api.ts'
import { int16, int32, list, string, strings, uuid, zeroUuid } from '../fields.ts'

/**
 * DeleteTopics.
 *
 * 1 throttle time. 3 TOPIC_DELETION_DISABLED. 4 flexible. 5 error message. 6 by name or by id, in `topics`.
 */
export const deleteTopics = defineApi({
  key: 20,
  versions: '1-6',
  flexible: '4+',
  request: {
    topics: list('6+', {
      name: string('6+', { nullable: '6+', default: null }),
      topicId: uuid('6+'),
    }),
    topicNames: strings('0-5', { ignorable: true }),
    timeoutMs: int32('0+'),
  },
  response: {
    throttleTimeMs: int32('1+', { ignorable: true }),
    responses: list('0+', {
      name: string('0+', { nullable: '6+' }),
      topicId: uuid('6+', { ignorable: true }),
      errorCode: int16('0+'),
      errorMessage: string('5+', { nullable: '5+', default: null, ignorable: true }),
    }),
  },
  reshape: {
    request: {
      before: 6,
      toOlder: (value) => {
        const names = value.topics.flatMap((topic) => (topic.name === null ? [] : [topic.name]))
        return names.length === value.topics.length ? { ...value, topics: [], topicNames: names } : value
      },
      toNewer: (value) => {
        const topics = value.topicNames.map((name) => ({ name, topicId: zeroUuid }))
        return { ...value, topics, topicNames: [] }
      },
    },
  },
})
