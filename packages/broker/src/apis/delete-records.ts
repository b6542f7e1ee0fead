import { kafkaError, offset } from '@millrace/kernel'
import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { partitionOf } from '../partition-of.ts'
import { kafkaCodeOf, wire } from '../wire-error.ts'

type PartitionAsked = RequestOf<'deleteRecords'>['topics'][number]['partitions'][number]
type PartitionAnswer = ResponseOf<'deleteRecords'>['topics'][number]['partitions'][number]

/** Stands for the high watermark. */
const toTheEnd = -1

/** Moves log starts forward. Answered when they are durable: what was deleted does not come back after a crash. */
export const answerDeleteRecords: Handler<'deleteRecords'> = async (engine, _context, request) => ({
  throttleTimeMs: 0,
  topics: await Promise.all(
    [...onceEach(request.topics)].map(async ([name, partitions]) => ({
      name,
      partitions: await Promise.all([...partitions.values()].map((asked) => deleteBefore(engine, name, asked))),
    })),
  ),
})

/** Of a partition that is named again and again the last counts, as in Kafka: each takes a write to the disk. */
function onceEach(topics: RequestOf<'deleteRecords'>['topics']): Map<string, Map<number, PartitionAsked>> {
  const byName = new Map<string, Map<number, PartitionAsked>>()
  for (const { name, partitions } of topics) {
    const asked = byName.get(name) ?? new Map<number, PartitionAsked>()
    byName.set(name, asked)
    for (const partition of partitions) asked.set(partition.partitionIndex, partition)
  }
  return byName
}

async function deleteBefore({ directory }: Engine, topic: string, asked: PartitionAsked): Promise<PartitionAnswer> {
  const { partitionIndex } = asked
  try {
    if (isInternalTopic(topic)) throw kafkaError('INVALID_TOPIC_EXCEPTION', `topic ${topic}`)
    const log = partitionOf(directory, topic, partitionIndex)
    if (typeof log === 'string') return { partitionIndex, lowWatermark: -1, errorCode: wire(log) }
    if (asked.offset < toTheEnd) throw kafkaError('OFFSET_OUT_OF_RANGE', `topic ${topic}`)
    const before = asked.offset === toTheEnd ? log.highWatermark : offset(asked.offset)
    return { partitionIndex, lowWatermark: await log.deleteRecords(before), errorCode: 0 }
  } catch (error) {
    return { partitionIndex, lowWatermark: -1, errorCode: wire(kafkaCodeOf(error)) }
  }
}
