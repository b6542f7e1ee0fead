import { defineApi } from '../api.ts'
import { int8, int16, int32, list, string } from '../fields.ts'

/**
 * CreateAcls: adds ACLs.
 *
 * 1 pattern types (KIP-290). 2 flexible. 3 user resources (KIP-373).
 */
export const createAcls = defineApi({
  key: 30,
  versions: '1-3',
  flexible: '2+',
  request: {
    creations: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      resourcePatternType: int8('1+', { default: 3 }),
      principal: string('0+'),
      host: string('0+'),
      operation: int8('0+'),
      permissionType: int8('0+'),
    }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
    }),
  },
})
