import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { Engine, Handler } from '../engine.ts'
import { distinct } from '../named-once.ts'
import { partitionOf } from '../partition-of.ts'
import { refusal } from '../wire-error.ts'

type Answer = ResponseOf<'describeProducers'>['topics'][number]['partitions'][number]

/** Producers that partitions remember, with the transactions they have open there (KIP-664). */
export const answerDescribeProducers: Handler<'describeProducers'> = (engine, _context, request) => ({
  throttleTimeMs: 0,
  topics: distinct(request.topics, keyOf).map(({ name, partitionIndexes }) => ({
    name,
    partitions: [...new Set(partitionIndexes)].map((partitionIndex) => answerPartition(engine, name, partitionIndex)),
  })),
})

function keyOf({ name, partitionIndexes }: RequestOf<'describeProducers'>['topics'][number]): string {
  return JSON.stringify([name, partitionIndexes])
}

function answerPartition({ directory }: Engine, topic: string, partitionIndex: number): Answer {
  const log = partitionOf(directory, topic, partitionIndex)
  if (typeof log === 'string') return { partitionIndex, ...refusal(log), activeProducers: [] }
  return {
    partitionIndex,
    errorCode: 0,
    errorMessage: null,
    activeProducers: log.producers().map((each) => ({
      producerId: each.producerId,
      producerEpoch: each.producerEpoch,
      lastSequence: each.lastSequence,
      lastTimestamp: each.lastTimestampMs,
      coordinatorEpoch: each.coordinatorEpoch,
      currentTxnStartOffset: each.transactionFirst ?? -1,
    })),
  }
}
