import { type KafkaErrorCode, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { RequestContext, RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { partitionOf } from '../partition-of.ts'
import { wire } from '../wire-error.ts'
import { fencedCode } from './transaction-codes.ts'

type Asked = RequestOf<'addPartitionsToTxn'>['transactions'][number]
type Answer = ResponseOf<'addPartitionsToTxn'>['resultsByTransaction'][number]

const firstVersionWithProducerFenced = 2

/** Adds partitions to transactions, or tells whether they are in them. All of a transaction's, or none. */
export const answerAddPartitionsToTxn: Handler<'addPartitionsToTxn'> = async (engine, context, request) => ({
  throttleTimeMs: 0,
  errorCode: 0,
  resultsByTransaction: await Promise.all(request.transactions.map((asked) => answerOne(engine, context, asked))),
  resultsByTopicV3AndBelow: [],
})

async function answerOne(engine: Engine, context: RequestContext, asked: Asked): Promise<Answer> {
  const { transactionalId, producerId, producerEpoch } = asked
  const claim = { transactionalId, producerId, epoch: producerEpoch }
  const unknown = new TopicPartitionMap<KafkaErrorCode>()
  const partitions: TopicPartition[] = []
  for (const { name, partitions: ids } of asked.topics) {
    for (const partition of ids) {
      if (partitionOf(engine.directory, name, partition) === 'UNKNOWN_TOPIC_OR_PARTITION') {
        unknown.set(name, partition, 'UNKNOWN_TOPIC_OR_PARTITION')
      } else partitions.push({ topic: name, partition })
    }
  }
  if (unknown.size > 0) return answer(asked, (topic, id) => unknown.get(topic, id) ?? 'OPERATION_NOT_ATTEMPTED')
  if (asked.verifyOnly) {
    return answer(asked, (topic, partition) => engine.transactions.admit(claim, { topic, partition }, false))
  }
  const added = await engine.transactions.add(claim, partitions)
  const code = fencedCode(added, context.apiVersion >= firstVersionWithProducerFenced)
  return answer(asked, () => code)
}

function answer(
  { transactionalId, topics }: Asked,
  codeOf: (topic: string, partition: number) => KafkaErrorCode,
): Answer {
  return {
    transactionalId,
    topicResults: topics.map(({ name, partitions }) => ({
      name,
      resultsByPartition: partitions.map((partitionIndex) => ({
        partitionIndex,
        partitionErrorCode: wire(codeOf(name, partitionIndex)),
      })),
    })),
  }
}
