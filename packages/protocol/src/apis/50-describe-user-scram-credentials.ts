import { defineApi } from '../api.ts'
import { int8, int16, int32, list, string } from '../fields.ts'

/**
 * DescribeUserScramCredentials: which users have SCRAM credentials, and with how many iterations (KIP-554).
 */
export const describeUserScramCredentials = defineApi({
  key: 50,
  versions: '0',
  flexible: '0+',
  request: {
    users: list(
      '0+',
      {
        name: string('0+'),
      },
      { nullable: '0+' },
    ),
  },
  response: {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    results: list('0+', {
      user: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      credentialInfos: list('0+', {
        mechanism: int8('0+'),
        iterations: int32('0+'),
      }),
    }),
  },
})
