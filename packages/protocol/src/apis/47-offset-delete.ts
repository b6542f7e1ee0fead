import { defineApi } from '../api.ts'
import { int16, int32, list, string } from '../fields.ts'

/**
 * OffsetDelete: removes committed offsets of topics the group is not subscribed to (KIP-496). Never flexible.
 */
export const offsetDelete = defineApi({
  key: 47,
  versions: '0',
  flexible: 'none',
  request: {
    groupId: string('0+'),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
      }),
    }),
  },
  response: {
    errorCode: int16('0+'),
    throttleTimeMs: int32('0+', { ignorable: true }),
    topics: list('0+', {
      name: string('0+'),
      partitions: list('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})
