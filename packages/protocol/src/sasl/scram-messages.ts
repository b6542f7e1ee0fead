import { Buffer } from 'node:buffer'
import { MillraceError } from '@millrace/kernel'

/*
 * The four messages of RFC 5802 §5, each a line of attributes with commas between them.
 *
 *   client first   n,[a=authzid],n=<user>,r=<client nonce>[,extensions]
 *   server first   r=<client nonce><server nonce>,s=<salt>,i=<iterations>
 *   client final   c=<base64 of "n,[a=authzid],">,r=<both nonces>,p=<proof>
 *   server final   v=<signature>  or  e=<error>
 */

export interface ClientFirst {
  /** `n,[a=authzid],`: what channel binding is about, and who to act as. */
  readonly gs2Header: string
  readonly authorizationId: string
  /** Everything behind the header: part of what both sides sign. */
  readonly bare: string
  readonly user: string
  readonly nonce: string
  readonly extensions: readonly string[]
}

export interface ServerFirst {
  readonly nonce: string
  readonly salt: Buffer
  readonly iterations: number
}

export interface ClientFinal {
  readonly gs2Header: string
  readonly nonce: string
  readonly proof: Buffer
  /** The message without its proof. */
  readonly withoutProof: string
}

/** @throws SASL_AUTHENTICATION_FAILED for what is no such message, or asks for channel binding */
export function readClientFirst(text: string): ClientFirst {
  const parts = /^([ny],(?:a=([^,]*))?,)((?:m=[^,]*,)?n=([^,]+),r=([\x21-\x2b\x2d-\x7e]+)((?:,[A-Za-z]=[^,]*)*))$/.exec(
    text,
  )
  if (parts === null) throw malformed('first message of the client')
  const bare = parts[3]!
  if (bare.startsWith('m=')) throw malformed('first message of the client, which asks for an extension nobody knows')
  return {
    gs2Header: parts[1]!,
    authorizationId: readName(parts[2] ?? ''),
    bare,
    user: readName(parts[4]!),
    nonce: parts[5]!,
    extensions: parts[6] === '' ? [] : parts[6]!.slice(1).split(','),
  }
}

/** @throws SASL_AUTHENTICATION_FAILED */
export function readServerFirst(text: string): ServerFirst {
  const parts = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d{1,9})(?:,.*)?$/.exec(text)
  if (parts === null) throw malformed('first message of the server')
  return { nonce: parts[1]!, salt: Buffer.from(parts[2]!, 'base64'), iterations: Number(parts[3]) }
}

/** @throws SASL_AUTHENTICATION_FAILED */
export function readClientFinal(text: string): ClientFinal {
  const parts =
    /^(c=([A-Za-z0-9+/]+={0,2}),r=([\x21-\x2b\x2d-\x7e]+)(?:,[A-Za-z]=[^,]*)*),p=([A-Za-z0-9+/]+={0,2})$/.exec(text)
  if (parts === null) throw malformed('last message of the client')
  return {
    gs2Header: Buffer.from(parts[2]!, 'base64').toString('utf8'),
    nonce: parts[3]!,
    proof: Buffer.from(parts[4]!, 'base64'),
    withoutProof: parts[1]!,
  }
}

/** The signature, or what the server has against us. @throws SASL_AUTHENTICATION_FAILED */
export function readServerFinal(text: string): { readonly signature: Buffer } | { readonly error: string } {
  const parts = /^(?:v=([A-Za-z0-9+/]+={0,2})|e=([^,]+))(?:,.*)?$/.exec(text)
  if (parts === null) throw malformed('last message of the server')
  if (parts[2] !== undefined) return { error: parts[2] }
  return { signature: Buffer.from(parts[1]!, 'base64') }
}

/** A name as a message carries it: without commas and equals signs of its own. */
export function writeName(name: string): string {
  return name.replaceAll('=', '=3D').replaceAll(',', '=2C')
}

function readName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw malformed('name')
  return text.replaceAll('=2C', ',').replaceAll('=3D', '=')
}

function malformed(what: string): MillraceError {
  return new MillraceError('SASL_AUTHENTICATION_FAILED', `the ${what} is not as SCRAM has it (RFC 5802)`)
}
