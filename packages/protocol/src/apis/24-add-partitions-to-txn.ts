import { defineApi } from '../api.ts'
import { bool, int16, int32, int32s, int64Any, list, string } from '../fields.ts'

/**
 * AddPartitionsToTxn: adds partitions to a transaction, or asks whether they are in it.
 *
 * 2 PRODUCER_FENCED. 3 flexible. 4 many transactions at once, in `transactions` and `resultsByTransaction`, and
 * questions without adding (KIP-890); needs the right of a broker, so clients stop at 3. 5 TRANSACTION_ABORTABLE.
 */
export const addPartitionsToTxn = defineApi({
  key: 24,
  versions: '0-5',
  flexible: '3+',
  request: {
    transactions: list('4+', {
      transactionalId: string('4+'),
      producerId: int64Any('4+'),
      producerEpoch: int16('4+'),
      verifyOnly: bool('4+'),
      topics: list('4+', {
        name: string('0+'),
        partitions: int32s('0+'),
      }),
    }),
    v3AndBelowTransactionalId: string('0-3'),
    v3AndBelowProducerId: int64Any('0-3'),
    v3AndBelowProducerEpoch: int16('0-3'),
    v3AndBelowTopics: list('0-3', {
      name: string('0+'),
      partitions: int32s('0+'),
    }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('4+', { ignorable: true }),
    resultsByTransaction: list('4+', {
      transactionalId: string('4+'),
      topicResults: list('4+', {
        name: string('0+'),
        resultsByPartition: list('0+', {
          partitionIndex: int32('0+'),
          partitionErrorCode: int16('0+'),
        }),
      }),
    }),
    resultsByTopicV3AndBelow: list('0-3', {
      name: string('0+'),
      resultsByPartition: list('0+', {
        partitionIndex: int32('0+'),
        partitionErrorCode: int16('0+'),
      }),
    }),
  },
  reshape: {
    request: {
      before: 4,
      toOlder: (value) => {
        const [only, ...others] = value.transactions
        if (only === undefined || others.length > 0 || only.verifyOnly) return value
        return {
          transactions: [],
          v3AndBelowTransactionalId: only.transactionalId,
          v3AndBelowProducerId: only.producerId,
          v3AndBelowProducerEpoch: only.producerEpoch,
          v3AndBelowTopics: only.topics,
        }
      },
      toNewer: (value) => ({
        transactions: [
          {
            transactionalId: value.v3AndBelowTransactionalId,
            producerId: value.v3AndBelowProducerId,
            producerEpoch: value.v3AndBelowProducerEpoch,
            verifyOnly: false,
            topics: value.v3AndBelowTopics,
          },
        ],
        v3AndBelowTransactionalId: '',
        v3AndBelowProducerId: 0,
        v3AndBelowProducerEpoch: 0,
        v3AndBelowTopics: [],
      }),
    },
    response: {
      before: 4,
      toOlder: (value) => {
        const [only, ...others] = value.resultsByTransaction
        if (only === undefined || others.length > 0) return value
        return { ...value, resultsByTransaction: [], resultsByTopicV3AndBelow: only.topicResults }
      },
      toNewer: (value) => ({
        ...value,
        resultsByTransaction: [{ transactionalId: '', topicResults: value.resultsByTopicV3AndBelow }],
        resultsByTopicV3AndBelow: [],
      }),
    },
  },
})
