import { errorTable } from '@millrace/kernel'
import { defineApi } from '../api.ts'
import { bool, bytes, int16, int32, list, string, strings } from '../fields.ts'

const groupIdNotFound = errorTable.GROUP_ID_NOT_FOUND.wire

/**
 * DescribeGroups: state and members of classic groups.
 *
 * 1 throttle time. 3 authorised operations. 4 static members. 5 flexible. 6 GROUP_ID_NOT_FOUND with a message
 * (KIP-1043).
 */
export const describeGroups = defineApi({
  key: 15,
  versions: '0-6',
  flexible: '5+',
  request: {
    groups: strings('0+'),
    includeAuthorizedOperations: bool('3+'),
  },
  response: {
    throttleTimeMs: int32('1+', { ignorable: true }),
    groups: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('6+', { nullable: '6+', default: null }),
      groupId: string('0+'),
      groupState: string('0+'),
      protocolType: string('0+'),
      protocolData: string('0+'),
      members: list('0+', {
        memberId: string('0+'),
        groupInstanceId: string('4+', { nullable: '4+', default: null, ignorable: true }),
        clientId: string('0+'),
        clientHost: string('0+'),
        memberMetadata: bytes('0+'),
        memberAssignment: bytes('0+'),
      }),
      authorizedOperations: int32('3+', { default: -0x8000_0000 }),
    }),
  },
  reshape: {
    response: {
      before: 6,
      // An older client knows a group that does not exist by its state.
      toOlder: (value) => ({
        ...value,
        groups: value.groups.map((group) =>
          group.errorCode === groupIdNotFound ? { ...group, errorCode: 0, groupState: 'Dead' } : group,
        ),
      }),
      toNewer: (value) => value,
    },
  },
})
