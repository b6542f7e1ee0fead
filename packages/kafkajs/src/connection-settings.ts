import { Buffer } from 'node:buffer'
import type { SaslOptions } from '@millrace/client'
import type { Transport } from '@millrace/client/internal'
import type { Ports, TlsOptions } from '@millrace/kernel'
import { loadClient } from './client-module.ts'
import type { KafkaConfig, TlsConfig } from './config.ts'
import { KafkaJSConnectionError, KafkaJSNonRetriableError } from './errors.ts'

const day = 86_400_000
const defaultConnectionTimeoutMs = 1_000
const defaultAuthenticationTimeoutMs = 10_000
const defaultRequestTimeoutMs = 30_000

/** How the cluster is reached, checked. */
export interface ConnectionSettings {
  readonly clientId: string
  readonly requestTimeoutMs: number
  /** Asks for the brokers anew each time. @throws KafkaJSConnectionError, KafkaJSNonRetriableError */
  transport(ports: Pick<Ports, 'net' | 'clock' | 'random'>): Promise<Transport>
}

/** @throws KafkaJSNonRetriableError for what is asked of kafkajs and cannot be had here. */
export function connectionSettings(config: KafkaConfig): ConnectionSettings {
  refuse(config)
  const { clientId = 'kafkajs', requestTimeout = defaultRequestTimeoutMs, enforceRequestTimeout = true } = config
  const connectTimeoutMs =
    (config.connectionTimeout ?? defaultConnectionTimeoutMs) +
    (config.authenticationTimeout ?? defaultAuthenticationTimeoutMs)
  const tls = tlsOptions(config.ssl)
  const sasl = saslOptions(config.sasl)
  return {
    clientId,
    requestTimeoutMs: enforceRequestTimeout ? requestTimeout : day,
    transport: async (ports) => {
      const bootstrap = await brokersOf(config.brokers)
      const { tcpTransport } = await loadClient()
      return tcpTransport({ bootstrap, ports, clientId, tls, sasl, connectTimeoutMs })
    },
  }
}

function refuse(config: KafkaConfig): void {
  if (config.socketFactory !== undefined) {
    throw new KafkaJSNonRetriableError(
      'config.socketFactory: sockets are made by the client itself. Leave it out, and name a proxy in config.brokers.',
    )
  }
}

const logins = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const

/** @throws KafkaJSNonRetriableError, never naming a secret */
function saslOptions(given: KafkaConfig['sasl']): SaslOptions | undefined {
  if (given === undefined) return undefined
  const mechanism = String(given.mechanism).toLowerCase()
  if ('username' in given && mechanism !== 'oauthbearer') {
    const known = logins.find((name) => name === mechanism)
    const { username, password } = given
    if (known !== undefined && known !== 'oauthbearer') return { mechanism: known, username, password }
  }
  if ('oauthBearerProvider' in given && mechanism === 'oauthbearer') {
    const { oauthBearerProvider } = given
    return { mechanism, token: async () => ({ value: (await oauthBearerProvider()).value }) }
  }
  const known = logins.join(', ')
  throw new KafkaJSNonRetriableError(`config.sasl: "${mechanism}" cannot be had as it is written. Known are ${known}.`)
}

async function brokersOf(given: KafkaConfig['brokers']): Promise<readonly string[]> {
  let list: readonly string[]
  try {
    list = typeof given === 'function' ? await given() : given
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new KafkaJSConnectionError(`Failed to connect: "config.brokers" threw: ${reason}`)
  }
  if (!Array.isArray(list)) throw new KafkaJSNonRetriableError('Failed to connect: brokers should not be null')
  if (list.length === 0) throw new KafkaJSNonRetriableError('Failed to connect: brokers array is empty')
  list.forEach((broker: unknown, index) => {
    if (typeof broker === 'string' && broker !== '') return
    const message = `Failed to connect: broker at index ${index} is invalid "${typeof broker}"`
    throw new KafkaJSNonRetriableError(message)
  })
  return list
}

const tlsNames = ['ca', 'cert', 'key', 'passphrase', 'servername', 'rejectUnauthorized']

function tlsOptions(ssl: KafkaConfig['ssl']): TlsOptions | undefined {
  if (ssl === undefined || ssl === false) return undefined
  if (ssl === true) return {}
  for (const [name, value] of Object.entries(ssl)) {
    if (value === undefined || tlsNames.includes(name)) continue
    throw new KafkaJSNonRetriableError(`config.ssl.${name}: not supported. Known are ${tlsNames.join(', ')}.`)
  }
  const { ca, cert, key, passphrase, servername: serverName, rejectUnauthorized } = ssl
  const texts = { ca: pem('ca', ca), cert: pem('cert', cert), key: pem('key', key) }
  return { ...texts, passphrase, serverName, rejectUnauthorized }
}

/** PEM as text; several one after the other. */
function pem(name: string, given: TlsConfig['ca']): string | undefined {
  if (given === undefined) return undefined
  const parts = Array.isArray(given) ? given : [given]
  const texts = parts.map((part) => {
    if (typeof part === 'string') return part
    if (Buffer.isBuffer(part)) return part.toString()
    throw new KafkaJSNonRetriableError(`config.ssl.${name}: give PEM as text or Buffer.`)
  })
  return texts.join('\n')
}
