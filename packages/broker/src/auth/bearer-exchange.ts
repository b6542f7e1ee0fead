import { Buffer } from 'node:buffer'
import { type Clock, codeOf } from '@millrace/kernel'
import { checkAuthorizationId, failed, type SaslExchange, type SaslStep } from './sasl-exchange.ts'
import type { TokenChecks } from './token-checks.ts'

const separator = '\u0001'

/** RFC 7628: one message with a token. A token that is refused is answered with JSON, and ends with the next step. */
export class BearerExchange implements SaslExchange {
  readonly #checks: TokenChecks
  readonly #clock: Clock
  #refusal: string | undefined

  constructor(checks: TokenChecks, clock: Clock) {
    this.#checks = checks
    this.#clock = clock
  }

  async step(bytes: Buffer): Promise<SaslStep> {
    if (this.#refusal !== undefined) throw failed(`Authentication failed: ${this.#refusal}`)
    const { authorizationId, token } = readMessage(bytes.toString('utf8'))
    try {
      const { subject, expiresMs } = this.#checks.check(token)
      checkAuthorizationId(authorizationId, subject)
      const lifetimeMs = Math.max(1, Math.floor(expiresMs - this.#clock.nowMs()))
      return { answer: Buffer.alloc(0), user: subject, lifetimeMs }
    } catch (error) {
      if (codeOf(error) !== 'SASL_AUTHENTICATION_FAILED' || !(error instanceof Error)) throw error
      this.#refusal = error.message
      return { answer: Buffer.from('{"status":"invalid_token"}') }
    }
  }
}

/** `n,[a=<authzid>],^A(<key>=<value>^A)*^A`, where ^A is byte 1; among the keys `auth` with the token. */
function readMessage(text: string): { readonly authorizationId: string; readonly token: string } {
  const [head = '', ...rest] = text.split(separator)
  const header = /^[ny],(?:a=([^,]*))?,$/.exec(head)
  const pairs = rest.slice(0, -2)
  const isWhole = header !== null && rest.length >= 3 && rest.slice(-2).every((part) => part === '')
  const auth = pairs.find((pair) => pair.startsWith('auth='))
  const token = /^auth=bearer +([A-Za-z0-9\-._~+/]+=*)$/i.exec(auth ?? '')?.[1]
  if (!isWhole || token === undefined || !pairs.every((pair) => /^[A-Za-z]+=/.test(pair))) {
    throw failed('the message is not as OAUTHBEARER has it (RFC 7628)')
  }
  return { authorizationId: header[1] ?? '', token }
}
