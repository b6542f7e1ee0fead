import { defineApi } from '../api.ts'
import { int16, int32, list, string } from '../fields.ts'

/**
 * LeaveGroup: removes members from a classic group.
 *
 * 1 throttle time. 3 many members at once, in `members`. 4 flexible. 5 reason.
 */
export const leaveGroup = defineApi({
  key: 13,
  versions: '0-5',
  flexible: '4+',
  request: {
    groupId: string('0+'),
    memberId: string('0-2'),
    members: list('3+', {
      memberId: string('3+'),
      groupInstanceId: string('3+', { nullable: '3+', default: null }),
      reason: string('5+', { nullable: '5+', default: null, ignorable: true }),
    }),
  },
  response: {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0+'),
    members: list('3+', {
      memberId: string('3+'),
      groupInstanceId: string('3+', { nullable: '3+' }),
      errorCode: int16('3+'),
    }),
  },
  reshape: {
    request: {
      before: 3,
      toOlder: (value) => {
        const [member, ...others] = value.members
        if (member === undefined || others.length > 0 || member.groupInstanceId !== null) return value
        return { ...value, memberId: member.memberId, members: [] }
      },
      toNewer: (value) => {
        const member = { memberId: value.memberId, groupInstanceId: null, reason: null }
        return { ...value, memberId: '', members: [member] }
      },
    },
    response: {
      before: 3,
      toOlder: (value) => ({ ...value, errorCode: value.errorCode || (value.members[0]?.errorCode ?? 0), members: [] }),
      toNewer: (value) => value,
    },
  },
})
