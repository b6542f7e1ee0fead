import { defineApi } from '../api.ts'
import { bool, int8, int16, int32, list, string } from '../fields.ts'

/**
 * AlterConfigs: replaces all dynamic configs of a resource. IncrementalAlterConfigs is the safer one.
 *
 * 2 flexible.
 */
export const alterConfigs = defineApi({
  key: 33,
  versions: '0-2',
  flexible: '2+',
  request: {
    resources: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: list('0+', {
        name: string('0+'),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    validateOnly: bool('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    responses: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      resourceType: int8('0+'),
      resourceName: string('0+'),
    }),
  },
})
