import { defineApi } from '../api.ts'
import { int16, int32, string } from '../fields.ts'

/**
 * Heartbeat: keeps a member of a classic group alive, and tells it of a rebalance.
 *
 * 1 throttle time. 3 static members. 4 flexible.
 */
export const heartbeat = defineApi({
  key: 12,
  versions: '0-4',
  flexible: '4+',
  request: {
    groupId: string('0+'),
    generationId: int32('0+'),
    memberId: string('0+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
  },
  response: {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0+'),
  },
})
