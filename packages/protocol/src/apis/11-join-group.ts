import { defineApi } from '../api.ts'
import { bool, bytes, int16, int32, list, string } from '../fields.ts'

/**
 * JoinGroup: joins or rejoins a classic group; answered when the group has gathered.
 *
 * 1 rebalance timeout. 2 throttle time. 4 a new member is first given its id (MEMBER_ID_REQUIRED). 5 static members.
 * 6 flexible. 7 protocol type in the response, and its name may be null (KIP-559). 8 reason. 9 `skipAssignment`.
 */
export const joinGroup = defineApi({
  key: 11,
  versions: '0-9',
  flexible: '6+',
  request: {
    groupId: string('0+'),
    sessionTimeoutMs: int32('0+'),
    rebalanceTimeoutMs: int32('1+', { default: -1, ignorable: true }),
    memberId: string('0+'),
    groupInstanceId: string('5+', { nullable: '5+', default: null }),
    protocolType: string('0+'),
    protocols: list('0+', {
      name: string('0+'),
      metadata: bytes('0+'),
    }),
    reason: string('8+', { nullable: '8+', default: null, ignorable: true }),
  },
  response: {
    throttleTimeMs: int32('2+', { ignorable: true }),
    errorCode: int16('0+'),
    generationId: int32('0+', { default: -1 }),
    protocolType: string('7+', { nullable: '7+', default: null, ignorable: true }),
    protocolName: string('0+', { nullable: '7+' }),
    leader: string('0+'),
    skipAssignment: bool('9+'),
    memberId: string('0+'),
    members: list('0+', {
      memberId: string('0+'),
      groupInstanceId: string('5+', { nullable: '5+', default: null, ignorable: true }),
      metadata: bytes('0+'),
    }),
  },
  reshape: {
    request: {
      before: 1,
      toOlder: (value) => ({ ...value, rebalanceTimeoutMs: -1 }),
      toNewer: (value) => ({ ...value, rebalanceTimeoutMs: value.sessionTimeoutMs }),
    },
  },
})
