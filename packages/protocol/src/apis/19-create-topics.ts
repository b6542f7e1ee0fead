import { defineApi } from '../api.ts'
import { bool, int8, int16, int32, int32s, list, string, uuid } from '../fields.ts'

/**
 * CreateTopics.
 *
 * 2 throttle time. 4 partitions and replication factor -1 take the broker's defaults (KIP-464). 5 flexible, configs
 * in the response (KIP-525). 6 THROTTLING_QUOTA_EXCEEDED. 7 topic ids in the response.
 */
export const createTopics = defineApi({
  key: 19,
  versions: '2-7',
  flexible: '5+',
  request: {
    topics: list('0+', {
      name: string('0+'),
      numPartitions: int32('0+'),
      replicationFactor: int16('0+'),
      assignments: list('0+', {
        partitionIndex: int32('0+'),
        brokerIds: int32s('0+'),
      }),
      configs: list('0+', {
        name: string('0+'),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    timeoutMs: int32('0+', { default: 60_000 }),
    validateOnly: bool('1+'),
  },
  response: {
    throttleTimeMs: int32('2+', { ignorable: true }),
    topics: list('0+', {
      name: string('0+'),
      topicId: uuid('7+', { ignorable: true }),
      errorCode: int16('0+'),
      errorMessage: string('1+', { nullable: '0+', ignorable: true }),
      topicConfigErrorCode: int16('5+', { tag: 0, ignorable: true }),
      numPartitions: int32('5+', { default: -1, ignorable: true }),
      replicationFactor: int16('5+', { default: -1, ignorable: true }),
      configs: list(
        '5+',
        {
          name: string('5+'),
          value: string('5+', { nullable: '5+' }),
          readOnly: bool('5+'),
          configSource: int8('5+', { default: -1, ignorable: true }),
          isSensitive: bool('5+'),
        },
        { nullable: '5+', ignorable: true },
      ),
    }),
  },
})
