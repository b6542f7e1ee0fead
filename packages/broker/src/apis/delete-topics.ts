import { kafkaError, messageOf } from '@millrace/kernel'
import { type RequestOf, type ResponseOf, zeroUuid } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { namedOnce } from '../named-once.ts'
import { refusal, wireError } from '../wire-error.ts'

type Asked = RequestOf<'deleteTopics'>['topics'][number]
type Answer = ResponseOf<'deleteTopics'>['responses'][number]

const firstVersionWithDisabled = 3

/** Deletes topics by name or id, and with them what groups have committed for them. */
export const answerDeleteTopics: Handler<'deleteTopics'> = async (engine, context, request) => {
  const { once, twice } = namedOnce(request.topics, ({ name, topicId }) => name ?? topicId)
  const refused = twice.map((asked) => ({
    ...asked,
    ...refusal('INVALID_REQUEST', 'It is named twice in one request.'),
  }))
  const done = await Promise.all(once.map((asked) => deleteTopic(engine, asked, context.apiVersion)))
  return { throttleTimeMs: 0, responses: [...done, ...refused] }
}

async function deleteTopic(engine: Engine, { name, topicId }: Asked, apiVersion: number): Promise<Answer> {
  const place = `topic ${name ?? topicId}`
  try {
    if (!engine.settings['delete.topic.enable']) {
      throw kafkaError(apiVersion < firstVersionWithDisabled ? 'INVALID_REQUEST' : 'TOPIC_DELETION_DISABLED', place)
    }
    if (name !== null && topicId !== zeroUuid) {
      throw kafkaError('INVALID_REQUEST', place, 'Give a name or an id, not both.')
    }
    const topic = engine.topicNames.resolve(topicId, name)
    if (topic === undefined) throw kafkaError(name === null ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION', place)
    if (isInternalTopic(topic.name)) {
      throw kafkaError('INVALID_TOPIC_EXCEPTION', place, 'The broker keeps its groups in it.')
    }
    await engine.directory.deleteTopic(topic.name)
    engine.ports.log.info('topic deleted', { topic: topic.name })
    await forgetOffsets(engine, topic.name)
    return { name: topic.name, topicId: topic.topicId, errorCode: 0, errorMessage: null }
  } catch (error) {
    return { name, topicId, ...wireError(error) }
  }
}

/** The topic is gone all the same; offsets that stay are dropped when they lapse. */
async function forgetOffsets({ groups, ports }: Engine, topic: string): Promise<void> {
  try {
    await groups.offsets.dropTopic(topic)
  } catch (error) {
    ports.log.error('offsets of a deleted topic could not be dropped', { topic, reason: messageOf(error) })
  }
}
