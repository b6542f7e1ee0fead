import { Buffer } from 'node:buffer'
import { MillraceError } from '@millrace/kernel'
import { credentialOf, hmac, isSame, type ScramMechanism, saltedPassword, scramIterations, xor } from './scram-keys.ts'
import { readServerFinal, readServerFirst, writeName } from './scram-messages.ts'

/** More would be a server that wants to keep its clients busy. */
const mostIterations = 1_000_000
const header = 'n,,'

/**
 * The client's side of one SCRAM exchange (RFC 5802). It proves that it knows the password without showing it, and
 * believes the server only when that proves the same.
 */
export class ScramClient {
  readonly #mechanism: ScramMechanism
  readonly #user: string
  readonly #password: string
  readonly #nonce: string
  #serverSignature: Buffer | undefined

  /** @param nonce at least 18 bytes of chance, as base64 */
  constructor(mechanism: ScramMechanism, login: { readonly user: string; readonly password: string }, nonce: string) {
    this.#mechanism = mechanism
    this.#user = login.user
    this.#password = login.password
    this.#nonce = nonce
  }

  first(): Buffer {
    return Buffer.from(`${header}${this.#bare()}`)
  }

  /** The proof. @throws SASL_AUTHENTICATION_FAILED for an answer to another exchange, or one that asks too little */
  async final(answer: Buffer): Promise<Buffer> {
    const text = answer.toString('utf8')
    const { nonce, salt, iterations } = readServerFirst(text)
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw untrusted('it answered with a nonce that is not ours')
    }
    if (iterations < scramIterations.least || iterations > mostIterations) {
      throw untrusted(`it asks for ${iterations} iterations, and ${scramIterations.least} are the least`)
    }
    const salted = await saltedPassword(this.#mechanism, this.#password, salt, iterations)
    const { storedKey, serverKey } = credentialOf(this.#mechanism, salted, salt, iterations)
    const withoutProof = `c=${Buffer.from(header).toString('base64')},r=${nonce}`
    const signed = `${this.#bare()},${text},${withoutProof}`
    this.#serverSignature = hmac(this.#mechanism, serverKey, signed)
    const proof = xor(hmac(this.#mechanism, salted, 'Client Key'), hmac(this.#mechanism, storedKey, signed))
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
  }

  /** @throws SASL_AUTHENTICATION_FAILED for a server that refuses us, or does not know the password itself */
  verify(answer: Buffer): void {
    const last = readServerFinal(answer.toString('utf8'))
    if ('error' in last) throw new MillraceError('SASL_AUTHENTICATION_FAILED', `the server says ${last.error}`)
    if (this.#serverSignature === undefined || !isSame(last.signature, this.#serverSignature)) {
      throw untrusted('it cannot prove that it knows the password')
    }
  }

  #bare(): string {
    return `n=${writeName(this.#user)},r=${this.#nonce}`
  }
}

function untrusted(why: string): MillraceError {
  const fix = 'Check that the address is the right one: somebody else may be answering.'
  return new MillraceError('SASL_AUTHENTICATION_FAILED', `the server is not to be trusted: ${why}`, { fix })
}
