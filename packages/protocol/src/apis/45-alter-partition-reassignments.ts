import { defineApi } from '../api.ts'
import { bool, int16, int32, int32s, list, string } from '../fields.ts'

/**
 * AlterPartitionReassignments: moves replicas of partitions (KIP-455).
 *
 * 1 whether the number of replicas may change.
 */
export const alterPartitionReassignments = defineApi({
  key: 45,
  versions: '0-1',
  flexible: '0+',
  request: {
    timeoutMs: int32('0+', { default: 60_000 }),
    allowReplicationFactorChange: bool('1+', { default: true }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        replicas: int32s('0+', { nullable: '0+', default: null }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    allowReplicationFactorChange: bool('1+', { default: true, ignorable: true }),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    responses: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
      }),
    }),
  },
})
