import { defineApi } from '../api.ts'
import { bytes, int8, int16, int32, list, string } from '../fields.ts'

/**
 * AlterUserScramCredentials: sets and removes SCRAM credentials of users (KIP-554).
 */
export const alterUserScramCredentials = defineApi({
  key: 51,
  versions: '0',
  flexible: '0+',
  request: {
    deletions: list('0+', {
      name: string('0+'),
      mechanism: int8('0+'),
    }),
    upsertions: list('0+', {
      name: string('0+'),
      mechanism: int8('0+'),
      iterations: int32('0+'),
      salt: bytes('0+'),
      saltedPassword: bytes('0+'),
    }),
  },
  response: {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      user: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
    }),
  },
})
