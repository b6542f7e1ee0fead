import { defineApi } from '../api.ts'
import { bool, int8, int16, int32, list, string } from '../fields.ts'

/**
 * IncrementalAlterConfigs: sets (0), deletes (1), appends (2) or subtracts (3) single configs (KIP-339).
 *
 * 1 flexible.
 */
export const incrementalAlterConfigs = defineApi({
  key: 44,
  versions: '0-1',
  flexible: '1+',
  request: {
    resources: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: list('0+', {
        name: string('0+'),
        configOperation: int8('0+'),
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
