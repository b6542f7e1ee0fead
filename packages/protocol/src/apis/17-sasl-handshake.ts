import { defineApi } from '../api.ts'
import { int16, string, strings } from '../fields.ts'

/**
 * SaslHandshake: which SASL mechanism follows, on a connection that has not logged in.
 *
 * 1 the mechanism's bytes travel in SaslAuthenticate instead of bare frames (KIP-152).
 */
export const saslHandshake = defineApi({
  key: 17,
  versions: '0-1',
  flexible: 'none',
  request: {
    mechanism: string('0+'),
  },
  response: {
    errorCode: int16('0+'),
    mechanisms: strings('0+'),
  },
})
