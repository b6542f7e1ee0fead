import { Buffer } from 'node:buffer'
import { MillraceError, type Random } from '@millrace/kernel'
import {
  hmac,
  isProofOf,
  readClientFinal,
  readClientFirst,
  type ScramCredential,
  type ScramMechanism,
} from '@millrace/protocol/internal'
import type { PasswordChecks } from './password-checks.ts'
import type { Users } from './users.ts'

/** What a step of an exchange is answered with, and who it was once that is known. */
export interface SaslStep {
  readonly answer: Buffer
  readonly user?: string | undefined
  /** Until the token runs out that it was proven with. */
  readonly lifetimeMs?: number | undefined
}

/** The server's side of one login. @throws SASL_AUTHENTICATION_FAILED with a message that may be told */
export interface SaslExchange {
  step(bytes: Buffer): Promise<SaslStep>
}

const nothing = Buffer.alloc(0)
const nonceBytes = 24

/** `[authzid] NUL name NUL password` (RFC 4616), checked against what is kept for SCRAM. */
export function plainExchange(checks: PasswordChecks): SaslExchange {
  return {
    async step(bytes) {
      const parts = bytes.toString('utf8').split('\0')
      const [authorizationId, user, password] = parts
      if (parts.length !== 3 || authorizationId === undefined || user === undefined || password === undefined) {
        throw failed('Invalid SASL/PLAIN response: three parts are expected')
      }
      if (user === '') throw failed('Authentication failed: username not specified')
      if (password === '') throw failed('Authentication failed: password not specified')
      const isRight = await checks.isRight(user, password)
      if (!isRight) throw failed('Authentication failed: Invalid username or password')
      checkAuthorizationId(authorizationId, user)
      return { answer: nothing, user }
    },
  }
}

/** RFC 5802. A user that does not exist gets as far as one with a wrong password, and no further. */
export class ScramExchange implements SaslExchange {
  readonly #mechanism: ScramMechanism
  readonly #users: Users
  readonly #random: Random
  #begun: Begun | undefined

  constructor(mechanism: ScramMechanism, users: Users, random: Random) {
    this.#mechanism = mechanism
    this.#users = users
    this.#random = random
  }

  async step(bytes: Buffer): Promise<SaslStep> {
    const text = bytes.toString('utf8')
    return this.#begun === undefined ? this.#first(text) : this.#final(text, this.#begun)
  }

  #first(text: string): SaslStep {
    const { gs2Header, authorizationId, bare, user, nonce } = readClientFirst(text)
    checkAuthorizationId(authorizationId, user)
    const known = this.#users.credential(user, this.#mechanism)
    const credential = known ?? this.#users.pretended(user, this.#mechanism)
    const wholeNonce = nonce + this.#random.bytes(nonceBytes).toString('base64')
    const answer = `r=${wholeNonce},s=${credential.salt.toString('base64')},i=${credential.iterations}`
    this.#begun = { gs2Header, user, credential, isKnown: known !== undefined, nonce: wholeNonce, bare, answer }
    return { answer: Buffer.from(answer) }
  }

  #final(text: string, begun: Begun): SaslStep {
    const { gs2Header, nonce, proof, withoutProof } = readClientFinal(text)
    const { credential, user } = begun
    const signed = `${begun.bare},${begun.answer},${withoutProof}`
    const isRight = isProofOf(this.#mechanism, credential.storedKey, signed, proof)
    if (!isRight || !begun.isKnown || nonce !== begun.nonce || gs2Header !== begun.gs2Header) {
      const which = `invalid credentials with SASL mechanism ${this.#mechanism}`
      throw failed(`Authentication failed during authentication due to ${which}`)
    }
    const signature = hmac(this.#mechanism, credential.serverKey, signed)
    return { answer: Buffer.from(`v=${signature.toString('base64')}`), user }
  }
}

interface Begun {
  readonly gs2Header: string
  readonly user: string
  readonly credential: ScramCredential
  readonly isKnown: boolean
  readonly nonce: string
  readonly bare: string
  readonly answer: string
}

/** As Kafka: nobody acts as somebody else. */
export function checkAuthorizationId(authorizationId: string, user: string): void {
  if (authorizationId === '' || authorizationId === user) return
  throw failed('Authentication failed: Client requested an authorization id that is different from username')
}

export function failed(message: string): MillraceError {
  return new MillraceError('SASL_AUTHENTICATION_FAILED', message)
}
