import { readFileSync } from 'node:fs'
import type { SaslOptions } from '@millrace/client'
import { configError, MillraceError, messageOf, nearest, type TlsOptions } from '@millrace/kernel'
import { readProperties } from './properties-file.ts'

/** How to reach a cluster that asks who is there. */
export interface ClientSecurity {
  readonly tls?: TlsOptions | undefined
  readonly sasl?: SaslOptions | undefined
}

const option = '--command-config'
const known = [
  'security.protocol',
  'sasl.mechanism',
  'sasl.username',
  'sasl.password',
  'sasl.jaas.config',
  'ssl.truststore.type',
  'ssl.truststore.location',
  'ssl.truststore.certificates',
  'ssl.keystore.type',
  'ssl.keystore.location',
  'ssl.keystore.certificate.chain',
  'ssl.keystore.key',
  'ssl.key.password',
] as const
type Properties = { readonly [K in (typeof known)[number]]?: string }

/**
 * The file that Kafka's own tools take as --command-config. Certificates are PEM; name and password stand in
 * `sasl.jaas.config`, or in `sasl.username` and `sasl.password` as librdkafka has them.
 *
 * @throws CONFIG, never naming a secret
 */
export function clientSecurity(file: string | undefined): ClientSecurity {
  if (file === undefined) return {}
  const properties: Properties & Readonly<Record<string, string>> = readProperties(file, option)
  for (const name of Object.keys(properties)) {
    if (known.some((one) => one === name)) continue
    const near = nearest(name, known)
    throw configError(
      option,
      'has a property that is not known',
      name,
      near === undefined ? undefined : `Did you mean ${near}?`,
    )
  }
  const protocol = (properties['security.protocol'] ?? 'PLAINTEXT').toUpperCase()
  switch (protocol) {
    case 'PLAINTEXT':
      return {}
    case 'SSL':
      return { tls: tlsOf(properties) }
    case 'SASL_PLAINTEXT':
      return { sasl: saslOf(properties) }
    case 'SASL_SSL':
      return { tls: tlsOf(properties), sasl: saslOf(properties) }
    default:
      throw configError('security.protocol', 'is PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL', protocol)
  }
}

function saslOf(properties: Properties): SaslOptions {
  const jaas = properties['sasl.jaas.config'] ?? ''
  const username = properties['sasl.username'] ?? quoted(jaas, 'username')
  const password = properties['sasl.password'] ?? quoted(jaas, 'password')
  if (username === undefined || password === undefined) {
    const fix = 'Write sasl.username=NAME and sasl.password=PASSWORD.'
    throw new MillraceError('CONFIG', 'says nothing of who logs in', { place: option, fix })
  }
  const mechanism = (properties['sasl.mechanism'] ?? 'SCRAM-SHA-256').toLowerCase()
  if (mechanism === 'plain' || mechanism === 'scram-sha-256' || mechanism === 'scram-sha-512') {
    return { mechanism, username, password }
  }
  throw configError('sasl.mechanism', 'is PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512', properties['sasl.mechanism'])
}

function quoted(jaas: string, name: string): string | undefined {
  const found = new RegExp(`\\b${name}\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|'([^']*)')`).exec(jaas)
  return found?.[1]?.replaceAll(/\\(.)/g, '$1') ?? found?.[2]
}

function tlsOf(properties: Properties): TlsOptions {
  for (const name of ['ssl.truststore.type', 'ssl.keystore.type'] as const) {
    if ((properties[name] ?? 'PEM').toUpperCase() === 'PEM') continue
    throw configError(name, 'is a form that is not read', properties[name], 'Convert it to PEM, with openssl pkcs12.')
  }
  const keystore = fileOf(properties, 'ssl.keystore.location')
  return {
    ca: fileOf(properties, 'ssl.truststore.location') ?? properties['ssl.truststore.certificates'],
    cert: keystore ?? properties['ssl.keystore.certificate.chain'],
    key: keystore ?? properties['ssl.keystore.key'],
    passphrase: properties['ssl.key.password'],
  }
}

function fileOf(properties: Properties, name: 'ssl.truststore.location' | 'ssl.keystore.location'): string | undefined {
  const path = properties[name]
  if (path === undefined) return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new MillraceError('CONFIG', `cannot be read: ${messageOf(error)}`, { place: name, value: path, cause: error })
  }
}
