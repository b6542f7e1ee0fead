import { defineApi } from '../api.ts'
import { bool, float64, int8, int16, int32, list, string } from '../fields.ts'

/**
 * DescribeClientQuotas: client quotas that a filter matches (KIP-546).
 *
 * 1 flexible.
 */
export const describeClientQuotas = defineApi({
  key: 48,
  versions: '0-1',
  flexible: '1+',
  request: {
    components: list('0+', {
      entityType: string('0+'),
      matchType: int8('0+'),
      match: string('0+', { nullable: '0+' }),
    }),
    strict: bool('0+'),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    entries: list(
      '0+',
      {
        entity: list('0+', {
          entityType: string('0+'),
          entityName: string('0+', { nullable: '0+' }),
        }),
        values: list('0+', {
          key: string('0+'),
          value: float64('0+'),
        }),
      },
      { nullable: '0+' },
    ),
  },
})
