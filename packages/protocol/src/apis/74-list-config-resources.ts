import { defineApi } from '../api.ts'
import { int8, int8s, int16, int32, list, string } from '../fields.ts'

/**
 * ListConfigResources: names of what has configs.
 *
 * 0 client metrics only. 1 resource types (KIP-1142).
 */
export const listConfigResources = defineApi({
  key: 74,
  versions: '0-1',
  flexible: '0+',
  request: {
    resourceTypes: int8s('1+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    configResources: list('0+', {
      resourceName: string('0+'),
      resourceType: int8('1+', { default: 16, ignorable: true }),
    }),
  },
})
