import { defineApi } from '../api.ts'
import { int16, int32, list, string, strings } from '../fields.ts'

/**
 * DeleteGroups: removes empty groups with their offsets.
 *
 * 2 flexible.
 */
export const deleteGroups = defineApi({
  key: 42,
  versions: '0-2',
  flexible: '2+',
  request: {
    groupsNames: strings('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      groupId: string('0+'),
      errorCode: int16('0+'),
    }),
  },
})
