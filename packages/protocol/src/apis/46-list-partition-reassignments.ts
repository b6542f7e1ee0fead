import { defineApi } from '../api.ts'
import { int16, int32, int32s, list, string } from '../fields.ts'

/**
 * ListPartitionReassignments: the moves of replicas under way (KIP-455).
 */
export const listPartitionReassignments = defineApi({
  key: 46,
  versions: '0',
  flexible: '0+',
  request: {
    timeoutMs: int32('0+', { default: 60_000 }),
    topics: list(
      '0+',
      {
        name: string('0+'),
        partitionIndexes: int32s('0+'),
      },
      { nullable: '0+', default: null },
    ),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        replicas: int32s('0+'),
        addingReplicas: int32s('0+'),
        removingReplicas: int32s('0+'),
      }),
    }),
  },
})
