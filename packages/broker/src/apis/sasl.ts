import { Buffer } from 'node:buffer'
import type { Handler } from '../engine.ts'
import { refusal, wire } from '../wire-error.ts'

/** A login is its connection's own affair: a handshake that gets here came over a listener that asks for none. */
export const answerSaslHandshake: Handler<'saslHandshake'> = () => ({
  errorCode: wire('ILLEGAL_SASL_STATE'),
  mechanisms: [],
})

export const answerSaslAuthenticate: Handler<'saslAuthenticate'> = () => ({
  ...refusal('ILLEGAL_SASL_STATE', 'This listener asks for no login.'),
  authBytes: Buffer.alloc(0),
  sessionLifetimeMs: 0,
})
