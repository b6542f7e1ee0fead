import { Buffer } from 'node:buffer'
import { MillraceError } from '@millrace/kernel'

const separator = '\u0001'

/**
 * The one message of OAUTHBEARER (RFC 7628 §3.1): `n,,^Aauth=Bearer <token>^A[key=value^A]*^A`, where ^A is byte 1.
 *
 * @throws SASL_AUTHENTICATION_FAILED for a token or an extension that the message cannot carry
 */
export function bearerMessage(
  token: string,
  extensions: Readonly<Record<string, string>> | undefined,
  place: string,
): Buffer {
  if (typeof token !== 'string' || !/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
    throw unfit('the token is empty or has characters that no token has', place)
  }
  let text = `n,,${separator}auth=Bearer ${token}${separator}`
  for (const [name, value] of Object.entries(extensions ?? {})) {
    const fits = /^[A-Za-z]+$/.test(name) && name !== 'auth' && /^[\x20-\x7e\t\r\n]+$/.test(value)
    if (!fits) throw unfit(`the extension ${JSON.stringify(name)} is not as RFC 7628 has it`, place)
    text += `${name}=${value}${separator}`
  }
  return Buffer.from(`${text}${separator}`)
}

function unfit(why: string, place: string): MillraceError {
  return new MillraceError('SASL_AUTHENTICATION_FAILED', why, { place, fix: 'Look at what sasl.token returns.' })
}
