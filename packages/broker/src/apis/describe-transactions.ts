import type { ResponseOf } from '@millrace/protocol/internal'
import type { Handler } from '../engine.ts'
import { wire } from '../wire-error.ts'

type Answer = ResponseOf<'describeTransactions'>['transactionStates'][number]

/** Where transactional ids stand, with the partitions of what is open (KIP-664). */
export const answerDescribeTransactions: Handler<'describeTransactions'> = ({ transactions }, _context, request) => ({
  throttleTimeMs: 0,
  transactionStates: [...new Set(request.transactionalIds)].map((transactionalId): Answer => {
    const found = transactionalId === '' ? 'INVALID_REQUEST' : transactions.get(transactionalId)
    if (typeof found === 'string') return { ...nothing, transactionalId, errorCode: wire(found) }
    const topics = new Map<string, number[]>()
    for (const [{ topic, partition }] of found.partitions) {
      const partitions = topics.get(topic)
      if (partitions === undefined) topics.set(topic, [partition])
      else partitions.push(partition)
    }
    return {
      errorCode: 0,
      transactionalId,
      transactionState: found.state,
      transactionTimeoutMs: found.timeoutMs,
      transactionStartTimeMs: found.startMs,
      producerId: found.producerId,
      producerEpoch: found.epoch,
      topics: [...topics].map(([topic, partitions]) => ({ topic, partitions })),
    }
  }),
})

const nothing = {
  transactionState: '',
  transactionTimeoutMs: 0,
  transactionStartTimeMs: 0,
  producerId: 0,
  producerEpoch: 0,
  topics: [],
} as const
