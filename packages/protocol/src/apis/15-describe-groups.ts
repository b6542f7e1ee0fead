import { defineApi } from '../api.ts'
import { bool, bytes, int16, int32, list, string, strings } from '../fields.ts'

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
})
