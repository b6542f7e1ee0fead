import type { KafkaErrorCode } from '@millrace/kernel'
import type { RequestContext, RequestOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import type { OffsetsWriter } from '../group/offset-store.ts'
import { offsetsTopic } from '../internal-topics.ts'
import { wire } from '../wire-error.ts'
import { OffsetCommitAnswer } from './offset-commit-answer.ts'
import { joinsByWriting } from './transaction-codes.ts'

type Request = RequestOf<'txnOffsetCommit'>

const firstVersionWithAbortable = 4
const firstVersionThatJoins = 5

/**
 * Commits a group's offsets in a transaction: seen once the transaction is committed. Fenced by member and generation
 * from version 3 on (KIP-447); before, and without a member, by the transactional id alone.
 */
export const answerTxnOffsetCommit: Handler<'txnOffsetCommit'> = async (engine, context, request) => {
  const answer = new OffsetCommitAnswer(engine, request)
  if (answer.accepted.size > 0) {
    const { memberId, groupInstanceId, generationId: generation } = request
    const claim = { memberId, groupInstanceId, generation }
    const writer = writerOf(engine, context, request)
    answer.committed(await engine.groups.offsets.commit(request.groupId, claim, answer.accepted, writer))
  }
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: wire(answer.codeOf(name, partitionIndex)),
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
