import { Buffer } from 'node:buffer'
import { type KafkaErrorCode, TopicPartitionMap } from '@millrace/kernel'
import type { RequestOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import type { OffsetsToCommit } from '../group/offset-store.ts'
import { partitionOf } from '../partition-of.ts'
import { wire } from '../wire-error.ts'

type PartitionAsked = RequestOf<'offsetCommit'>['topics'][number]['partitions'][number]

/** Answered when the offsets, and all they stand for, are on disk (law 6). */
export const answerOffsetCommit: Handler<'offsetCommit'> = async (engine, _context, request) => {
  const refused = new TopicPartitionMap<KafkaErrorCode>()
  const accepted: OffsetsToCommit = new TopicPartitionMap()
  for (const { name, partitions } of request.topics) {
    for (const asked of partitions) {
      const problem = request.groupId === '' ? 'INVALID_GROUP_ID' : refuse(engine, name, asked)
      if (problem !== undefined) refused.set(name, asked.partitionIndex, problem)
      else {
        accepted.set(name, asked.partitionIndex, {
          offset: asked.committedOffset,
          leaderEpoch: asked.committedLeaderEpoch,
          metadata: asked.committedMetadata ?? '',
        })
      }
    }
  }
  const claim = {
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generation: request.generationIdOrMemberEpoch,
  }
  const committed =
    request.groupId === '' ? refused : await engine.groups.offsets.commit(request.groupId, claim, accepted)
  const codeOf = (topic: string, partition: number): KafkaErrorCode => {
    const own = refused.get(topic, partition)
    if (typeof committed === 'string') return own ?? committed
    return own ?? committed.get(topic, partition) ?? 'NONE'
  }
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: wire(codeOf(name, partitionIndex)),
      })),
    })),
  }
}

function refuse({ directory, settings }: Engine, topic: string, asked: PartitionAsked): KafkaErrorCode | undefined {
  const log = partitionOf(directory, topic, asked.partitionIndex)
  if (typeof log === 'string') return log
  const bytes = Buffer.byteLength(asked.committedMetadata ?? '')
  return bytes > settings['offset.metadata.max.bytes'] ? 'OFFSET_METADATA_TOO_LARGE' : undefined
}
