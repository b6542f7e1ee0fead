import { defineApi } from '../api.ts'
import { bytes, int16, int64, string } from '../fields.ts'

/**
 * SaslAuthenticate: one step of a SASL exchange (KIP-152).
 *
 * 1 session lifetime (KIP-368). 2 flexible.
 */
export const saslAuthenticate = defineApi({
  key: 36,
  versions: '0-2',
  flexible: '2+',
  request: {
    authBytes: bytes('0+'),
  },
  response: {
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    authBytes: bytes('0+'),
    sessionLifetimeMs: int64('1+', { ignorable: true }),
  },
})
