import { defineApi } from '../api.ts'
import { bool, float64, int16, int32, list, string } from '../fields.ts'

/**
 * AlterClientQuotas: sets and removes client quotas (KIP-546).
 *
 * 1 flexible.
 */
export const alterClientQuotas = defineApi({
  key: 49,
  versions: '0-1',
  flexible: '1+',
  request: {
    entries: list('0+', {
      entity: list('0+', {
        entityType: string('0+'),
        entityName: string('0+', { nullable: '0+' }),
      }),
      ops: list('0+', {
        key: string('0+'),
        value: float64('0+'),
        remove: bool('0+'),
      }),
    }),
    validateOnly: bool('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    entries: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      entity: list('0+', {
        entityType: string('0+'),
        entityName: string('0+', { nullable: '0+' }),
      }),
    }),
  },
})
