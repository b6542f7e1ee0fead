import { Buffer } from 'node:buffer'
import { type KafkaErrorCode, TopicPartitionMap } from '@millrace/kernel'
import type { RequestContext, RequestOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import type { OffsetsToCommit, OffsetsWriter } from '../group/offset-store.ts'
import { offsetsTopic } from '../internal-topics.ts'
import { partitionOf } from '../partition-of.ts'
import { wire } from '../wire-error.ts'
import { joinsByWriting } from './transaction-codes.ts'

type Request = RequestOf<'txnOffsetCommit'>
type PartitionAsked = Request['topics'][number]['partitions'][number]

const firstVersionWithAbortable = 4
const firstVersionThatJoins = 5

/**
 * Commits a group's offsets in a transaction: seen once the transaction is committed. Fenced by member and generation
 * from version 3 on (KIP-447); before, and without a member, by the transactional id alone.
 */
export const answerTxnOffsetCommit: Handler<'txnOffsetCommit'> = async (engine, context, request) => {
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
  const { memberId, groupInstanceId, generationId: generation } = request
  const claim = { memberId, groupInstanceId, generation }
  const committed =
    accepted.size === 0
      ? refused
      : await engine.groups.offsets.commit(request.groupId, claim, accepted, writerOf(engine, context, request))
  const codeOf = (topic: string, partition: number): KafkaErrorCode => {
    const own = refused.get(topic, partition)
    if (typeof committed === 'string') return own ?? committed
    return own ?? committed.get(topic, partition) ?? 'NONE'
  }
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: wire(codeOf(name, partitionIndex)),
      })),
    })),
  }
}

function writerOf(engine: Engine, context: RequestContext, request: Request): OffsetsWriter {
  const { transactionalId, producerId, producerEpoch: epoch } = request
  const joins = joinsByWriting(engine, context, firstVersionThatJoins)
  return {
    producerId,
    epoch,
    version: joins ? 2 : 1,
    admit(partition) {
      const at = { topic: offsetsTopic, partition }
      return wireable(engine.transactions.admit({ transactionalId, producerId, epoch }, at, joins), context)
    },
    wrote: ({ partition, upTo }) =>
      engine.transactions.wrote(transactionalId, { topic: offsetsTopic, partition }, upTo),
  }
}

/** As the group coordinator answers: what is no fault of the producer is retried. */
function wireable(code: KafkaErrorCode, { apiVersion }: RequestContext): KafkaErrorCode {
  switch (code) {
    case 'PRODUCER_FENCED':
      return 'INVALID_PRODUCER_EPOCH'
    case 'TRANSACTION_ABORTABLE':
      return apiVersion >= firstVersionWithAbortable ? code : 'INVALID_TXN_STATE'
    case 'CONCURRENT_TRANSACTIONS':
      return 'COORDINATOR_NOT_AVAILABLE'
    default:
      return code
  }
}

function refuse({ directory, settings }: Engine, topic: string, asked: PartitionAsked): KafkaErrorCode | undefined {
  const log = partitionOf(directory, topic, asked.partitionIndex)
  if (typeof log === 'string') return log
  const bytes = Buffer.byteLength(asked.committedMetadata ?? '')
  return bytes > settings['offset.metadata.max.bytes'] ? 'OFFSET_METADATA_TOO_LARGE' : undefined
}
