import { checkTopicName } from '@millrace/log/internal'
import { type ResponseOf, zeroUuid } from '@millrace/protocol/internal'
import { notAsked } from '../authorized-operations.ts'
import type { Engine, Handler } from '../engine.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { partitionOf } from '../partition-of.ts'
import { kafkaCodeOf, wire } from '../wire-error.ts'

type Answer = ResponseOf<'describeTopicPartitions'>
type Topic = Answer['topics'][number]

/** Kafka's max.request.partition.size.limit. */
const pageMax = 2_000

/**
 * Topics by name, page by page (KIP-966): a page ends after so many partitions and tells where the next one begins. No names at all mean
 * every topic.
 */
export const answerDescribeTopicPartitions: Handler<'describeTopicPartitions'> = (engine, _context, request) => {
  const all = request.topics.length === 0
  const names = all ? engine.directory.topics().map(({ name }) => name) : request.topics.map(({ name }) => name)
  const { cursor } = request
  const left = [...new Set(names)].sort().filter((name) => cursor === null || name >= cursor.topicName)
  let room = Math.max(1, Math.min(request.responsePartitionLimit, pageMax))
  const topics: Topic[] = []
  for (const name of left) {
    const from = cursor?.topicName === name ? Math.max(0, cursor.partitionIndex) : 0
    if (room === 0) return page(topics, { topicName: name, partitionIndex: from })
    const topic = described(engine, name, from, room)
    topics.push(topic.row)
    room -= topic.row.partitions.length
    if (topic.next !== undefined) return page(topics, { topicName: name, partitionIndex: topic.next })
  }
  return page(topics, null)
}

function page(topics: readonly Topic[], nextCursor: Answer['nextCursor']): Answer {
  return { throttleTimeMs: 0, topics, nextCursor }
}

function described({ directory, settings }: Engine, name: string, from: number, room: number) {
  const known = directory.topic(name)
  if (known === undefined) {
    const row: Topic = { ...noTopic, errorCode: wire(whyAbsent(name)), name, topicId: zeroUuid, isInternal: false }
    return { row, next: undefined }
  }
  const to = Math.min(known.partitions, from + room)
  const nodeId = settings['node.id']
  const partitions: Topic['partitions'][number][] = []
  for (let partitionIndex = from; partitionIndex < to; partitionIndex++) {
    const log = partitionOf(directory, name, partitionIndex)
    const down = typeof log === 'string'
    partitions.push({
      errorCode: down ? wire(log === 'KAFKA_STORAGE_ERROR' ? log : 'LEADER_NOT_AVAILABLE') : 0,
      partitionIndex,
      leaderId: down ? -1 : nodeId,
      leaderEpoch: down ? -1 : log.leaderEpoch,
      replicaNodes: [nodeId],
      isrNodes: down ? [] : [nodeId],
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: down ? [nodeId] : [],
    })
  }
  const { topicId } = known
  const row: Topic = { ...noTopic, errorCode: 0, name, topicId, isInternal: isInternalTopic(name), partitions }
  return { row, next: to < known.partitions ? to : undefined }
}

const noTopic = { partitions: [], topicAuthorizedOperations: notAsked }

function whyAbsent(name: string) {
  try {
    checkTopicName(name)
    return 'UNKNOWN_TOPIC_OR_PARTITION'
  } catch (error) {
    return kafkaCodeOf(error)
  }
}
