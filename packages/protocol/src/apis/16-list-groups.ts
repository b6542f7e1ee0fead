import { defineApi } from '../api.ts'
import { int16, int32, list, string, strings } from '../fields.ts'

/**
 * ListGroups: the groups this broker coordinates.
 *
 * 1 throttle time. 3 flexible. 4 filter by state (KIP-518). 5 filter by type (KIP-848).
 */
export const listGroups = defineApi({
  key: 16,
  versions: '0-5',
  flexible: '3+',
  request: {
    statesFilter: strings('4+'),
    typesFilter: strings('5+'),
  },
  response: {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0+'),
    groups: list('0+', {
      groupId: string('0+'),
      protocolType: string('0+'),
      groupState: string('4+', { ignorable: true }),
      groupType: string('5+', { ignorable: true }),
    }),
  },
})
