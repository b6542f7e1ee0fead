import { defineApi } from '../api.ts'
import { int8, int16, int32, int32s, list, string } from '../fields.ts'

/**
 * ElectLeaders: elects leaders of partitions.
 *
 * 1 unclean elections (KIP-460). 2 flexible.
 */
export const electLeaders = defineApi({
  key: 43,
  versions: '0-2',
  flexible: '2+',
  request: {
    electionType: int8('1+'),
    topicPartitions: list(
      '0+',
      {
        topic: string('0+'),
        partitions: int32s('0+'),
      },
      { nullable: '0+' },
    ),
    timeoutMs: int32('0+', { default: 60_000 }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('1+'),
    replicaElectionResults: list('0+', {
      topic: string('0+'),
      partitionResult: list('0+', {
        partitionId: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
      }),
    }),
  },
})
