import { Buffer } from 'node:buffer'
import { type Clock, codeOf, kafkaError, type Random } from '@millrace/kernel'
import { type ApiName, isScramMechanism, type RequestOf, type ResponseOf } from '@millrace/protocol/internal'
import { wire } from '../wire-error.ts'
import { BearerExchange } from './bearer-exchange.ts'
import type { PasswordChecks } from './password-checks.ts'
import { failed, plainExchange, type SaslExchange, type SaslStep, ScramExchange } from './sasl-exchange.ts'
import type { TokenChecks } from './token-checks.ts'
import type { Users } from './users.ts'

/** What all logins of a listener share. */
export interface LoginHost {
  readonly mechanisms: readonly string[]
  readonly users: Users
  readonly checks: PasswordChecks
  /** Where OAUTHBEARER is offered. */
  readonly tokens: TokenChecks | undefined
  readonly clock: Clock
  readonly random: Random
  /** A login holds for so long; 0: for as long as the connection. */
  readonly reauthMs: number
  /** A failed login is answered so much later. */
  readonly failureDelayMs: number
}

/** What a login step is answered with; after a failure nothing more is read. */
export interface LoginAnswer<R> {
  readonly response: R
  readonly failure: string | undefined
}

/** Why a request may not be begun now. */
export type LoginObjection = 'illegal-sasl-state' | 'session-expired'

/**
 * The login of one connection, as Kafka's SaslServerAuthenticator has it: nothing but ApiVersions before the
 * handshake, nothing but the exchange after it, everything after the login, and on request all over again before the
 * login has run out (KIP-368).
 */
export class Login {
  principal = 'User:ANONYMOUS'
  readonly #host: LoginHost
  #state: 'new' | 'exchange' | 'raw-exchange' | 'done' = 'new'
  #mechanism = ''
  #exchange: SaslExchange | undefined
  #hasBeenDone = false
  #expiresMs = Number.POSITIVE_INFINITY

  constructor(host: LoginHost) {
    this.#host = host
  }

  /** Somebody has logged in, be it that another login is under way. */
  get isDone(): boolean {
    return this.#hasBeenDone
  }

  /** After a handshake of version 0 the mechanism's bytes come in frames of their own, without any header. */
  get takesRawFrames(): boolean {
    return this.#state === 'raw-exchange'
  }

  objection(api: ApiName): LoginObjection | undefined {
    if (api === 'saslHandshake' || api === 'saslAuthenticate') return undefined
    if (this.#state !== 'done') {
      return api === 'apiVersions' && this.#state === 'new' ? undefined : 'illegal-sasl-state'
    }
    return this.#host.clock.monotonicMs() > this.#expiresMs ? 'session-expired' : undefined
  }

  async handshake(
    version: number,
    { mechanism }: RequestOf<'saslHandshake'>,
  ): Promise<LoginAnswer<ResponseOf<'saslHandshake'>>> {
    const mechanisms = this.#host.mechanisms
    const mayBegin = this.#state === 'new' || (this.#state === 'done' && this.#expiresMs < Number.POSITIVE_INFINITY)
    if (!mayBegin) return { response: { errorCode: wire('ILLEGAL_SASL_STATE'), mechanisms: [] }, failure: undefined }
    const exchange = mechanisms.includes(mechanism) ? this.#exchangeOf(mechanism) : undefined
    const isOther = this.#hasBeenDone && mechanism !== this.#mechanism
    if (exchange === undefined || isOther) {
      const failure = isOther ? 'another mechanism than before' : `mechanism ${JSON.stringify(mechanism.slice(0, 50))}`
      await this.#pause()
      return { response: { errorCode: wire('UNSUPPORTED_SASL_MECHANISM'), mechanisms }, failure }
    }
    this.#mechanism = mechanism
    this.#exchange = exchange
    this.#state = version === 0 ? 'raw-exchange' : 'exchange'
    return { response: { errorCode: 0, mechanisms }, failure: undefined }
  }

  async authenticate({
    authBytes,
  }: RequestOf<'saslAuthenticate'>): Promise<LoginAnswer<ResponseOf<'saslAuthenticate'>>> {
    const none = { authBytes: Buffer.alloc(0), sessionLifetimeMs: 0 }
    if (this.#state !== 'exchange') {
      const errorMessage = 'SaslAuthenticate is valid after SaslHandshake only.'
      return { response: { ...none, errorCode: wire('ILLEGAL_SASL_STATE'), errorMessage }, failure: undefined }
    }
    try {
      const { answer, user, lifetimeMs } = await this.#step(authBytes)
      const sessionLifetimeMs = user === undefined ? 0 : this.#sessionMs(lifetimeMs)
      const response = { errorCode: 0, errorMessage: null, authBytes: answer, sessionLifetimeMs }
      return { response, failure: undefined }
    } catch (error) {
      if (codeOf(error) !== 'SASL_AUTHENTICATION_FAILED') throw error
      const errorMessage = error instanceof Error ? error.message : ''
      await this.#pause()
      const response = { ...none, errorCode: wire('SASL_AUTHENTICATION_FAILED'), errorMessage }
      return { response, failure: `${this.#mechanism}: ${errorMessage}` }
    }
  }

  /** The bytes to answer; undefined after a failure, of which this form can say nothing. */
  async rawStep(bytes: Buffer): Promise<Buffer | undefined> {
    try {
      return (await this.#step(bytes)).answer
    } catch (error) {
      if (codeOf(error) !== 'SASL_AUTHENTICATION_FAILED') throw error
      await this.#pause()
      return undefined
    }
  }

  async #step(bytes: Buffer): Promise<SaslStep> {
    if (this.#exchange === undefined) throw kafkaError('ILLEGAL_SASL_STATE', 'login')
    const step = await this.#exchange.step(bytes)
    if (step.user === undefined) return step
    const principal = `User:${step.user}`
    if (this.#hasBeenDone && principal !== this.principal) {
      throw failed(`Cannot change principals during re-authentication from ${this.principal}: ${principal}`)
    }
    this.principal = principal
    this.#state = 'done'
    this.#hasBeenDone = true
    this.#exchange = undefined
    const sessionMs = this.#sessionMs(step.lifetimeMs)
    this.#expiresMs = sessionMs === 0 ? Number.POSITIVE_INFINITY : this.#host.clock.monotonicMs() + sessionMs
    return step
  }

  /** As long as a login holds, and no longer than its token. 0: without end. */
  #sessionMs(tokenMs: number | undefined): number {
    const { reauthMs } = this.#host
    if (tokenMs === undefined) return reauthMs
    return reauthMs === 0 ? tokenMs : Math.min(reauthMs, tokenMs)
  }

  #exchangeOf(mechanism: string): SaslExchange | undefined {
    const { users, checks, tokens, clock, random } = this.#host
    if (mechanism === 'OAUTHBEARER') return tokens === undefined ? undefined : new BearerExchange(tokens, clock)
    if (mechanism === 'PLAIN') return plainExchange(checks)
    return isScramMechanism(mechanism) ? new ScramExchange(mechanism, users, random) : undefined
  }

  #pause(): Promise<void> {
    return this.#host.clock.sleep(this.#host.failureDelayMs)
  }
}
