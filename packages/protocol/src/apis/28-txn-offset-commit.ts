import { defineApi } from '../api.ts'
import { int16, int32, int64Any, list, string } from '../fields.ts'

/**
 * TxnOffsetCommit: commits a group's offsets in a transaction.
 *
 * 2 leader epoch. 3 flexible, member and generation (KIP-447). 4 TRANSACTION_ABORTABLE. 5 no AddOffsetsToTxn before it
 * (KIP-890).
 */
export const txnOffsetCommit = defineApi({
  key: 28,
  versions: '0-5',
  flexible: '3+',
  request: {
    transactionalId: string('0+'),
    groupId: string('0+'),
    producerId: int64Any('0+'),
    producerEpoch: int16('0+'),
    generationId: int32('3+', { default: -1 }),
    memberId: string('3+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        committedOffset: int64Any('0+'),
        committedLeaderEpoch: int32('2+', { default: -1, ignorable: true }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})
