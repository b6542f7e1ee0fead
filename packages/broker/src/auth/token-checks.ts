import { fileURLToPath } from 'node:url'
import { configError, MillraceError, messageOf } from '@millrace/kernel'
import type { BrokerPorts } from '../broker-ports.ts'
import type { Settings } from '../settings.ts'
import { type CheckedToken, checkToken, type SigningKey, signingKeys, type TokenRules } from './json-web-token.ts'

const setting = 'sasl.oauthbearer.jwks.endpoint.url'

/** Tokens against the keys of a file, which is read again when it has changed. */
export class TokenChecks {
  readonly #path: string
  readonly #rules: TokenRules
  readonly #ports: BrokerPorts
  #text = ''
  #keys: readonly SigningKey[] = []

  /** @throws CONFIG for a file that holds no keys */
  constructor(settings: Settings, ports: BrokerPorts) {
    this.#path = pathIn(settings[setting])
    this.#ports = ports
    this.#rules = {
      issuer: settings['sasl.oauthbearer.expected.issuer'],
      audiences: settings['sasl.oauthbearer.expected.audience']
        .split(',')
        .map((audience) => audience.trim())
        .filter((audience) => audience !== ''),
      subjectClaim: settings['sasl.oauthbearer.sub.claim.name'],
      skewMs: settings['sasl.oauthbearer.clock.skew.seconds'] * 1000,
    }
    try {
      this.#readKeys()
    } catch (error) {
      const fix = 'It is a JSON Web Key Set (RFC 7517), as the issuer of the tokens publishes it.'
      throw new MillraceError('CONFIG', `cannot be used: ${messageOf(error)}`, {
        place: setting,
        value: this.#path,
        fix,
      })
    }
  }

  /** @throws SASL_AUTHENTICATION_FAILED */
  check(token: string): CheckedToken {
    try {
      this.#readKeys()
    } catch (error) {
      const fields = { file: this.#path, reason: messageOf(error) }
      this.#ports.log.error('the keys of tokens cannot be read; the old ones stay', fields)
    }
    return checkToken(token, this.#keys, this.#rules, this.#ports.clock.nowMs())
  }

  #readKeys(): void {
    const text = this.#ports.disk.readWhole(this.#path)?.toString('utf8')
    if (text === undefined) throw new Error('there is no such file')
    if (text === this.#text) return
    this.#keys = signingKeys(text)
    this.#text = text
  }
}

function pathIn(url: string): string {
  const fix = 'Save the keys of the issuer in a file, and write file:///its/path.'
  if (!url.startsWith('file:///')) throw configError(setting, 'must be a file: URL, for OAUTHBEARER', url, fix)
  return fileURLToPath(url)
}
