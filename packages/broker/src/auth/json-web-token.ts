import { Buffer } from 'node:buffer'
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto'
import { failed } from './sasl-exchange.ts'

/** A public key of the issuer, with what it may be used for. */
export interface SigningKey {
  readonly id: string | undefined
  readonly algorithm: string | undefined
  readonly key: KeyObject
}

/** What a token must say. */
export interface TokenRules {
  /** Empty: any. */
  readonly issuer: string
  /** One of them must be named; none: any. */
  readonly audiences: readonly string[]
  readonly subjectClaim: string
  readonly skewMs: number
}

export interface CheckedToken {
  readonly subject: string
  readonly expiresMs: number
}

type Json = Readonly<Record<string, unknown>>

const rsaBitsLeast = 2048
/** Signatures with public keys alone: "none", and keys that both sides share, are not among them (RFC 8725 §3.1). */
const algorithms: ReadonlyMap<string, { readonly hash: string; readonly type: 'rsa' | 'ec'; readonly curve?: string }> =
  new Map([
    ['RS256', { hash: 'sha256', type: 'rsa' }],
    ['RS384', { hash: 'sha384', type: 'rsa' }],
    ['RS512', { hash: 'sha512', type: 'rsa' }],
    ['PS256', { hash: 'sha256', type: 'rsa' }],
    ['PS384', { hash: 'sha384', type: 'rsa' }],
    ['PS512', { hash: 'sha512', type: 'rsa' }],
    ['ES256', { hash: 'sha256', type: 'ec', curve: 'prime256v1' }],
    ['ES384', { hash: 'sha384', type: 'ec', curve: 'secp384r1' }],
    ['ES512', { hash: 'sha512', type: 'ec', curve: 'secp521r1' }],
  ])

/** The signing keys of a JSON Web Key Set (RFC 7517). @throws for what is none, or holds no such key */
export function signingKeys(text: string): SigningKey[] {
  const set = objectIn(JSON.parse(text))
  const listed: unknown = set['keys']
  if (!Array.isArray(listed)) throw new Error('it has no list of keys')
  const keys = listed.map(objectIn).flatMap((jwk): SigningKey[] => {
    if (jwk['use'] === 'enc' || (jwk['kty'] !== 'RSA' && jwk['kty'] !== 'EC')) return []
    const key = createPublicKey({ key: { ...jwk }, format: 'jwk' })
    return [{ id: textIn(jwk, 'kid'), algorithm: textIn(jwk, 'alg'), key }]
  })
  if (keys.length === 0) throw new Error('it holds no key that signs')
  return keys
}

/** A signed token (RFC 7519), checked in all it says. @throws SASL_AUTHENTICATION_FAILED saying what is wrong */
export function checkToken(token: string, keys: readonly SigningKey[], rules: TokenRules, nowMs: number): CheckedToken {
  const [head = '', body = '', signature = '', ...more] = token.split('.')
  if (signature === '' || more.length > 0) throw failed('the token is not signed')
  const header = parsed(head)
  if (header['crit'] !== undefined) throw failed('the token asks for what is not understood')
  const signed = Buffer.from(`${head}.${body}`)
  const isSigned = keys.some((key) => isSignedWith(key, header, signed, Buffer.from(signature, 'base64url')))
  if (!isSigned) throw failed('the token is signed by nobody we trust')
  return checkClaims(parsed(body), rules, nowMs)
}

function isSignedWith({ id, algorithm, key }: SigningKey, header: Json, signed: Buffer, signature: Buffer): boolean {
  const { alg, kid } = header
  const known = typeof alg === 'string' ? algorithms.get(alg) : undefined
  if (known === undefined || typeof alg !== 'string' || known.type !== key.asymmetricKeyType) return false
  if (algorithm !== undefined && algorithm !== alg) return false
  if (kid !== undefined && id !== undefined && kid !== id) return false
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (known.type === 'ec') {
    return namedCurve === known.curve && verify(known.hash, signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
  }
  if (modulusLength < rsaBitsLeast) return false
  const { RSA_PKCS1_PSS_PADDING: pss, RSA_PKCS1_PADDING: plain, RSA_PSS_SALTLEN_DIGEST: saltLength } = constants
  const padding = alg.startsWith('PS') ? { padding: pss, saltLength } : { padding: plain }
  return verify(known.hash, signed, { key, ...padding }, signature)
}

function checkClaims(
  claims: Json,
  { issuer, audiences, subjectClaim, skewMs }: TokenRules,
  nowMs: number,
): CheckedToken {
  const { exp, nbf, iss, aud } = claims
  if (typeof exp !== 'number' || !Number.isFinite(exp)) throw failed('the token does not say when it ends')
  if (exp * 1000 + skewMs <= nowMs) throw failed('the token has run out')
  if (typeof nbf === 'number' && nbf * 1000 - skewMs > nowMs) throw failed('the token does not hold yet')
  if (issuer !== '' && iss !== issuer) throw failed('the token is from another issuer')
  const named: readonly unknown[] = Array.isArray(aud) ? aud : [aud]
  if (audiences.length > 0 && !audiences.some((audience) => named.includes(audience))) {
    throw failed('the token is for somebody else')
  }
  const subject = claims[subjectClaim]
  if (typeof subject !== 'string' || subject === '') throw failed('the token names no user')
  return { subject, expiresMs: exp * 1000 }
}

function parsed(part: string): Json {
  try {
    return objectIn(JSON.parse(Buffer.from(part, 'base64url').toString('utf8')))
  } catch {
    throw failed('the token cannot be read') // what is in it is not repeated
  }
}

function objectIn(value: unknown): Json {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return Object.fromEntries(Object.entries(value))
  throw new Error('it is no JSON object')
}

function textIn(json: Json, name: string): string | undefined {
  const value = json[name]
  return typeof value === 'string' ? value : undefined
}
