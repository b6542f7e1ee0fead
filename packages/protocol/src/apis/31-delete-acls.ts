import { defineApi } from '../api.ts'
import { int8, int16, int32, list, string } from '../fields.ts'

/**
 * DeleteAcls: removes the ACLs that filters match.
 *
 * 1 pattern types (KIP-290). 2 flexible. 3 user resources (KIP-373).
 */
export const deleteAcls = defineApi({
  key: 31,
  versions: '1-3',
  flexible: '2+',
  request: {
    filters: list('0+', {
      resourceTypeFilter: int8('0+'),
      resourceNameFilter: string('0+', { nullable: '0+' }),
      patternTypeFilter: int8('1+', { default: 3 }),
      principalFilter: string('0+', { nullable: '0+' }),
      hostFilter: string('0+', { nullable: '0+' }),
      operation: int8('0+'),
      permissionType: int8('0+'),
    }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    filterResults: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      matchingAcls: list('0+', {
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
        resourceType: int8('0+'),
        resourceName: string('0+'),
        patternType: int8('1+', { default: 3 }),
        principal: string('0+'),
        host: string('0+'),
        operation: int8('0+'),
        permissionType: int8('0+'),
      }),
    }),
  },
})
