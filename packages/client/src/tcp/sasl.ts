import { Buffer } from 'node:buffer'
import { configError, errorCodeOf, kafkaError, MillraceError, nearest, type Random } from '@millrace/kernel'
import { type RequestOf, type ResponseOf, ScramClient, type ScramMechanism } from '@millrace/protocol/internal'
import { bearerMessage } from './bearer-message.ts'

/** A token as its issuer made it, and extensions for the broker (RFC 7628). */
export interface BearerToken {
  readonly value: string
  readonly extensions?: Readonly<Record<string, string>> | undefined
}

/** How to log in. */
export type SaslOptions =
  | {
      readonly mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'oauthbearer'
      /** Called for each login: a new connection, or a session that is to go on. Should hand out a fresh token. */
      token(): BearerToken | Promise<BearerToken>
    }

/** Sends one request over the connection that is to be logged in. */
export type SaslAsk = <A extends 'saslHandshake' | 'saslAuthenticate'>(
  api: A,
  request: RequestOf<A>,
) => Promise<ResponseOf<A>>

export interface SaslSession {
  readonly principal: string
  /** After so long the broker wants another login; undefined: never. */
  readonly lifetimeMs: number | undefined
}

const mechanisms = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const
const nonceBytes = 24

/** The options, if they are any. @throws CONFIG, never naming a secret */
export function checkSasl(sasl: SaslOptions | undefined): SaslOptions | undefined {
  if (sasl === undefined) return undefined
  const { mechanism } = sasl
  if (!mechanisms.includes(mechanism)) {
    const near = nearest(String(mechanism).toLowerCase(), mechanisms) ?? 'scram-sha-256'
    throw configError('tcpTransport.sasl.mechanism', 'is not one we know', mechanism, `Did you mean '${near}'?`)
  }
  if (sasl.mechanism === 'oauthbearer') {
    if (typeof sasl.token === 'function') return sasl
    const fix = 'Write token: async () => ({ value: await fetchToken() }).'
    throw configError('tcpTransport.sasl.token', 'must be a function', typeof sasl.token, fix)
  }
  for (const name of ['username', 'password'] as const) {
    const value: unknown = sasl[name]
    if (typeof value === 'string' && value !== '') continue
    const fix = name === 'password' ? 'Is the environment variable set that it comes from?' : undefined
    throw configError(`tcpTransport.sasl.${name}`, 'must be a text that is not empty', typeof value, fix)
  }
  return sasl
}

/**
 * Logs a connection in: SaslHandshake, then the mechanism's own exchange in SaslAuthenticate (KIP-152).
 *
 * @throws UNSUPPORTED_SASL_MECHANISM with those the broker offers; SASL_AUTHENTICATION_FAILED, also for a server that
 *   cannot prove that it knows the password
 */
export async function authenticate(
  ask: SaslAsk,
  of: { readonly sasl: SaslOptions; readonly random: Random; readonly place: string },
): Promise<SaslSession> {
  const { sasl, place } = of
  const mechanism = sasl.mechanism.toUpperCase()
  const handshake = await ask('saslHandshake', { mechanism })
  if (handshake.errorCode !== 0) throw refusedHandshake(handshake, mechanism, place)
  const step = async (authBytes: Buffer): Promise<ResponseOf<'saslAuthenticate'>> => {
    const answer = await ask('saslAuthenticate', { authBytes })
    if (answer.errorCode === 0) return answer
    throw refused(errorCodeOf(answer.errorCode), answer.errorMessage, sasl, place)
  }
  const last = await exchange(step, of)
  const user = sasl.mechanism === 'oauthbearer' ? subjectOf(last.token) : sasl.username
  const lifetimeMs = last.answer.sessionLifetimeMs > 0 ? last.answer.sessionLifetimeMs : undefined
  return { principal: `User:${user}`, lifetimeMs }
}

type Step = (authBytes: Buffer) => Promise<ResponseOf<'saslAuthenticate'>>
interface Exchanged {
  readonly answer: ResponseOf<'saslAuthenticate'>
  readonly token?: string
}

async function exchange(
  step: Step,
  { sasl, random, place }: { readonly sasl: SaslOptions; readonly random: Random; readonly place: string },
): Promise<Exchanged> {
  switch (sasl.mechanism) {
    case 'plain':
      return { answer: await step(Buffer.from(`\0${sasl.username}\0${sasl.password}`)) } // RFC 4616
    case 'scram-sha-256':
      return { answer: await scram(step, 'SCRAM-SHA-256', sasl, random) }
    case 'scram-sha-512':
      return { answer: await scram(step, 'SCRAM-SHA-512', sasl, random) }
    case 'oauthbearer': {
      const { value, extensions } = await sasl.token()
      const answer = await step(bearerMessage(value, extensions, place))
      if (answer.authBytes.length === 0) return { answer, token: value }
      // The reason is told as JSON, and the exchange is ended by a single byte (RFC 7628 §3.2.3).
      const reason = answer.authBytes.toString('utf8').slice(0, 200)
      await step(Buffer.from([1])).catch(() => {})
      throw new MillraceError('SASL_AUTHENTICATION_FAILED', `the broker refused the token: ${reason}`, { place })
    }
  }
}

async function scram(
  step: Step,
  mechanism: ScramMechanism,
  { username, password }: { readonly username: string; readonly password: string },
  random: Random,
): Promise<ResponseOf<'saslAuthenticate'>> {
  const client = new ScramClient(mechanism, { user: username, password }, random.bytes(nonceBytes).toString('base64'))
  const first = await step(client.first())
  const last = await step(await client.final(first.authBytes))
  client.verify(last.authBytes)
  return last
}

function refusedHandshake(answer: ResponseOf<'saslHandshake'>, mechanism: string, place: string): MillraceError {
  const code = errorCodeOf(answer.errorCode)
  if (code === 'ILLEGAL_SASL_STATE') {
    return new MillraceError(code, 'this port of the broker asks for no login', {
      place,
      fix: 'Leave `sasl` out, or connect to the port of a SASL listener.',
    })
  }
  const offered = answer.mechanisms.map((name) => `'${name.toLowerCase()}'`).join(', ')
  const fix = offered === '' ? undefined : `Set sasl.mechanism to one it offers: ${offered}.`
  return new MillraceError(code, `the broker does not offer ${mechanism}`, { place, fix })
}

function refused(
  code: ReturnType<typeof errorCodeOf>,
  message: string | null,
  sasl: SaslOptions,
  place: string,
): MillraceError {
  if (code !== 'SASL_AUTHENTICATION_FAILED') return kafkaError(code, place, message ?? undefined)
  const who = sasl.mechanism === 'oauthbearer' ? 'the token' : `user ${sasl.username}`
  const fix =
    sasl.mechanism === 'oauthbearer'
      ? 'Does it hold for this broker, and has it not run out?'
      : 'Check name and password, and that the user has credentials for this mechanism.'
  return new MillraceError(code, `${who} was refused with ${sasl.mechanism}: ${message ?? 'no reason given'}`, {
    place,
    fix,
  })
}

/** Whom a JSON web token is about, for show; only the broker can check it. */
function subjectOf(token: string | undefined): string {
  const body = token?.split('.')[1]
  if (body === undefined) return 'unknown'
  try {
    const claims: unknown = JSON.parse(Buffer.from(body, 'base64url').toString('utf8'))
    if (typeof claims === 'object' && claims !== null && 'sub' in claims) return String(claims.sub)
  } catch {
    return 'unknown' // a token need not be readable for us
  }
  return 'unknown'
}
