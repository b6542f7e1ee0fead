import { defineApi } from '../api.ts'
import { bool, int16, int32, int32s, list, string } from '../fields.ts'

/**
 * CreatePartitions: grows topics to a total count.
 *
 * 2 flexible. 3 THROTTLING_QUOTA_EXCEEDED.
 */
export const createPartitions = defineApi({
  key: 37,
  versions: '0-3',
  flexible: '2+',
  request: {
    topics: list('0+', {
      name: string('0+'),
      count: int32('0+'),
      assignments: list(
        '0+',
        {
          brokerIds: int32s('0+'),
        },
        { nullable: '0+' },
      ),
    }),
    timeoutMs: int32('0+'),
    validateOnly: bool('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      name: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
})
