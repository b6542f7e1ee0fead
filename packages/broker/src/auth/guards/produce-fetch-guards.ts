import { Buffer } from 'node:buffer'
import { fill, type RequestOf, type ResponseOf } from '@millrace/protocol/internal'
import { wire } from '../../wire-error.ts'
import { type Asker, denied, type Guard, split, topicName } from './guard.ts'

type TopicData = RequestOf<'produce'>['topicData'][number]
type TopicAsked = RequestOf<'fetch'>['topics'][number]
type TopicAnswer = ResponseOf<'fetch'>['responses'][number]

/** Where a batch keeps its attributes, and the one that says "in a transaction". */
const attributesAt = 21
const isInTransaction = 0x10
const noRecords = Buffer.alloc(0)

export const guardProduce: Guard<'produce'> = async (asker, request, next) => {
  const { transactionalId, topicData } = request
  if (transactionalId !== null || topicData.some(hasTransaction)) {
    const may = transactionalId !== null && asker.rights.may('write', 'transactionalId', transactionalId)
    if (!may) return refuseProduce(topicData, denied.transactionalId)
  }
  const parts = split(topicData, ({ topicId, name }) => mayUse(asker, 'write', topicId, name))
  if (parts.denied.length === 0) return await next(request)
  const refused = refuseProduce(parts.denied, denied.topic)
  if (parts.allowed.length === 0) return refused
  const answered = await next({ ...request, topicData: parts.allowed })
  return { ...answered, responses: [...answered.responses, ...refused.responses] }
}

/**
 * With a session the partitions of earlier requests are not in this one: what is read is looked at again, so that a
 * right that was taken away is gone at once. A session is not begun, and is ended, where anything is denied: the client
 * would not ask again for what is in it, when the right has been given.
 */
export const guardFetch: Guard<'fetch'> = async (asker, request, next) => {
  const mayRead = ({ topicId, topic }: TopicAsked | TopicAnswer) => mayUse(asker, 'read', topicId, topic)
  const parts = split(request.topics, mayRead)
  if (parts.denied.length > 0 && request.sessionId !== 0 && request.sessionEpoch > 0) {
    return fill('fetch', 'response', { errorCode: wire('FETCH_SESSION_ID_NOT_FOUND') })
  }
  const asked = parts.denied.length === 0 ? request : { ...request, topics: parts.allowed, sessionEpoch: -1 }
  const answered = await next(asked)
  const isWhole = answered.responses.every(mayRead)
  if (isWhole && parts.denied.length === 0) return answered
  const responses = isWhole
    ? answered.responses
    : answered.responses.map((topic) => (mayRead(topic) ? topic : hide(topic)))
  return { ...answered, responses: [...responses, ...parts.denied.map(refuseFetch)] }
}

function mayUse(asker: Asker, operation: 'read' | 'write', topicId: string, name: string): boolean {
  const known = topicName(asker, topicId, name)
  return known === undefined || asker.rights.may(operation, 'topic', known)
}

function hasTransaction({ partitionData }: TopicData): boolean {
  return partitionData.some(({ records }) => {
    if (records === null || records.length < attributesAt + 2) return false
    return (records.readInt16BE(attributesAt) & isInTransaction) !== 0
  })
}

function refuseProduce(topics: readonly TopicData[], errorCode: number): ResponseOf<'produce'> {
  return fill('produce', 'response', {
    responses: topics.map(({ name, topicId, partitionData }) => ({
      name,
      topicId,
      partitionResponses: partitionData.map(({ index }) => ({ index, errorCode, baseOffset: -1 })),
    })),
  })
}

function refuseFetch({ topic, topicId, partitions }: TopicAsked): TopicAnswer {
  return refusedTopic(
    topic,
    topicId,
    partitions.map(({ partition }) => partition),
  )
}

function hide({ topic, topicId, partitions }: TopicAnswer): TopicAnswer {
  return refusedTopic(
    topic,
    topicId,
    partitions.map(({ partitionIndex }) => partitionIndex),
  )
}

function refusedTopic(topic: string, topicId: string, partitions: readonly number[]): TopicAnswer {
  const answer = fill('fetch', 'response', {
    responses: [
      {
        topic,
        topicId,
        partitions: partitions.map((partitionIndex) => ({
          partitionIndex,
          errorCode: denied.topic,
          highWatermark: -1,
          records: noRecords,
        })),
      },
    ],
  })
  return answer.responses[0]!
}
