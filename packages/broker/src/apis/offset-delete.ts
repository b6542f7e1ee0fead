import { type KafkaErrorCode, messageOf } from '@millrace/kernel'
import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { subscriptionOf } from '../group/subscription.ts'
import { wire } from '../wire-error.ts'

/** Takes committed offsets away; those of topics that a live group is subscribed to stay. */
export const answerOffsetDelete: Handler<'offsetDelete'> = async (engine, _context, request) => {
  if (request.groupId === '') return failed('INVALID_GROUP_ID')
  const entry = engine.groups.group(request.groupId)
  if (entry === undefined) return failed('GROUP_ID_NOT_FOUND')
  const { group } = entry
  if (group.state !== 'Empty' && group.membership.protocolType !== 'consumer') return failed('NON_EMPTY_GROUP')
  const subscription = subscriptionOf(group)
  const codes = new Map(request.topics.map(({ name }) => [name, subscription.has(name)]))
  const going = request.topics.filter(({ name }) => codes.get(name) === false)
  const partitions = going.flatMap(({ name, partitions }) =>
    partitions.map(({ partitionIndex }) => ({ topic: name, partition: partitionIndex })),
  )
  try {
    await engine.groups.offsets.drop(entry, partitions)
  } catch (error) {
    engine.ports.log.error('offsets could not be deleted', { group: request.groupId, reason: messageOf(error) })
    return failed('COORDINATOR_NOT_AVAILABLE')
  }
  return {
    errorCode: 0,
    throttleTimeMs: 0,
    topics: request.topics.map((topic) => answerTopic(engine, topic, codes.get(topic.name) === true)),
  }
}

function answerTopic(
  { directory }: Engine,
  { name, partitions }: RequestOf<'offsetDelete'>['topics'][number],
  subscribed: boolean,
): ResponseOf<'offsetDelete'>['topics'][number] {
  const count = directory.topic(name)?.partitions ?? 0
  return {
    name,
    partitions: partitions.map(({ partitionIndex }) => {
      const known = partitionIndex >= 0 && partitionIndex < count
      const held = subscribed ? wire('GROUP_SUBSCRIBED_TO_TOPIC') : 0
      return { partitionIndex, errorCode: known ? held : wire('UNKNOWN_TOPIC_OR_PARTITION') }
    }),
  }
}

function failed(code: KafkaErrorCode): ResponseOf<'offsetDelete'> {
  return { errorCode: wire(code), throttleTimeMs: 0, topics: [] }
}
