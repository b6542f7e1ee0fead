import { type KafkaErrorCode, kafkaError } from '@millrace/kernel'
import type { Appended, PartitionLog, TopicRecord } from '@millrace/log/internal'
import type { RequestContext, RequestOf, ResponseOf } from '@millrace/protocol/internal'
import { codecOf, isControl, isTransactional } from '@millrace/record/internal'
import type { Engine, Handler } from '../engine.ts'
import { isInternalTopic } from '../internal-topics.ts'
import { partitionOf } from '../partition-of.ts'
import { refusal, type WireError, wireError } from '../wire-error.ts'
import { oneBatch, refusedBatch } from './refused-batch.ts'
import { appendInTransaction } from './transactional-append.ts'

type TopicData = RequestOf<'produce'>['topicData'][number]
type PartitionData = TopicData['partitionData'][number]
type TopicAnswer = ResponseOf<'produce'>['responses'][number]
type PartitionAnswer = TopicAnswer['partitionResponses'][number]

const noLeader = { leaderId: -1, leaderEpoch: -1 }
const firstVersionWithZstd = 7

/**
 * Appends one batch per partition; each partition fails by itself. All are written before any is waited for, so that
 * with acks=all one
 * sync per file covers the request. With acks=1 a batch is written, not synced (law 5).
 */
export const answerProduce: Handler<'produce'> = async (engine, context, request) => {
  const waits: Promise<void>[] = []
  const responses: TopicAnswer[] = []
  for (const data of request.topicData) {
    const topic = engine.topicNames.resolve(data.topicId, data.name)
    const refused = refuse(request, data, topic)
    const partitionResponses: PartitionAnswer[] = []
    for (const [i, partition] of data.partitionData.entries()) {
      if (refused !== undefined || topic === undefined) {
        partitionResponses.push(failed(partition.index, refused ?? refusal('UNKNOWN_TOPIC_OR_PARTITION')))
        continue
      }
      const log = partitionOf(engine.directory, topic.name, partition.index)
      const answer = append(engine, context, request.transactionalId, log, partition)
      partitionResponses.push(answer)
      if (request.acks !== -1 || answer.errorCode !== 0 || typeof log === 'string') continue
      const upTo = log.highWatermark
      if (!log.awaitsSync(upTo)) continue
      const sync = log.synced(upTo).catch((error: unknown) => {
        partitionResponses[i] = failed(partition.index, refusal('KAFKA_STORAGE_ERROR', wireError(error).errorMessage))
      })
      waits.push(sync)
    }
    responses.push({ name: data.name, topicId: data.topicId, partitionResponses })
  }
  if (waits.length > 0) await Promise.all(waits)
  return { responses, throttleTimeMs: 0, nodeEndpoints: [] }
}

function refuse(request: RequestOf<'produce'>, data: TopicData, topic: TopicRecord | undefined): WireError | undefined {
  const { acks } = request
  if (acks !== 0 && acks !== 1 && acks !== -1) return refusal('INVALID_REQUIRED_ACKS')
  if (topic === undefined) return refusal(data.name === '' ? 'UNKNOWN_TOPIC_ID' : 'UNKNOWN_TOPIC_OR_PARTITION')
  if (isInternalTopic(topic.name)) {
    return refusal('INVALID_TOPIC_EXCEPTION', `${topic.name} is written by the broker alone.`)
  }
  return undefined
}

function append(
  engine: Engine,
  context: RequestContext,
  transactionalId: string | null,
  log: PartitionLog | KafkaErrorCode,
  { index, records }: PartitionData,
): PartitionAnswer {
  if (typeof log === 'string') return failed(index, refusal(log))
  if (records === null) return failed(index, refusal('INVALID_RECORD', 'There is no batch.'))
  try {
    const source = `produce to ${log.at.topic}-${index} from ${context.clientHost}`
    const batch = oneBatch(records, source)
    // Markers are the coordinator's to write.
    if (isControl(batch)) throw kafkaError('INVALID_RECORD', source, 'Clients may not write control batches.')
    if (context.apiVersion < firstVersionWithZstd && codecOf(batch) === 'zstd') {
      throw kafkaError('UNSUPPORTED_COMPRESSION_TYPE', source, `zstd needs Produce ${firstVersionWithZstd}.`)
    }
    if (!isTransactional(batch)) return appended(index, log.append(batch))
    return appended(index, appendInTransaction(engine, context, { transactionalId, log, batch, source }))
  } catch (error) {
    const refused = refusedBatch(engine, log, records, error)
    engine.ports.metrics
      .counter('millrace_broker_produce_refused_total', 'Batches refused by Produce', {
        code: String(refused.errorCode),
      })
      .add()
    return { ...failed(index, refused), ...refused }
  }
}

function appended(index: number, { baseOffset, appendTimeMs, logStart }: Appended): PartitionAnswer {
  return {
    index,
    errorCode: 0,
    baseOffset,
    logAppendTimeMs: appendTimeMs,
    logStartOffset: logStart,
    recordErrors: [],
    errorMessage: null,
    currentLeader: noLeader,
  }
}

function failed(
  index: number,
  { errorCode, errorMessage }: Pick<PartitionAnswer, 'errorCode' | 'errorMessage'>,
): PartitionAnswer {
  return {
    index,
    errorCode,
    baseOffset: -1,
    logAppendTimeMs: -1,
    logStartOffset: -1,
    recordErrors: [],
    errorMessage,
    currentLeader: noLeader,
  }
}
