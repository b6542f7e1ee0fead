import type { KafkaErrorCode } from '@millrace/kernel'
import type { PartitionLog } from '@millrace/log/internal'
import type { RequestOf, ResponseOf } from '@millrace/protocol/internal'
import type { Handler } from '../engine.ts'
import { checkLeaderEpoch, epochEnd } from '../leader-epochs.ts'
import { partitionOf } from '../partition-of.ts'
import { wire } from '../wire-error.ts'

type PartitionAsked = RequestOf<'offsetForLeaderEpoch'>['topics'][number]['partitions'][number]
type PartitionAnswer = ResponseOf<'offsetForLeaderEpoch'>['topics'][number]['partitions'][number]

/** Where an epoch ended: what a client checks its position against after an unclean start (KIP-320). */
export const answerOffsetForLeaderEpoch: Handler<'offsetForLeaderEpoch'> = ({ directory }, _context, request) => ({
  throttleTimeMs: 0,
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((asked) => answerPartition(partitionOf(directory, topic, asked.partition), asked)),
  })),
})

function answerPartition(log: PartitionLog | KafkaErrorCode, asked: PartitionAsked): PartitionAnswer {
  const { partition } = asked
  if (typeof log === 'string') return failed(partition, log)
  const refused = checkLeaderEpoch(log, asked.currentLeaderEpoch)
  if (refused !== undefined) return failed(partition, refused)
  const { epoch, endOffset } = epochEnd(log, asked.leaderEpoch)
  return { errorCode: 0, partition, leaderEpoch: epoch, endOffset }
}

function failed(partition: number, code: KafkaErrorCode): PartitionAnswer {
  return { errorCode: wire(code), partition, leaderEpoch: -1, endOffset: -1 }
}
