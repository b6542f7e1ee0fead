import { Buffer } from 'node:buffer'
import { tcpTransport } from '@millrace/client'
import type { Transport } from '@millrace/client/internal'
import type { Ports, TlsOptions } from '@millrace/kernel'
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
  return {
    clientId,
    requestTimeoutMs: enforceRequestTimeout ? requestTimeout : day,
    transport: async (ports) => {
      const bootstrap = await brokersOf(config.brokers)
      return tcpTransport({ bootstrap, ports, clientId, tls, connectTimeoutMs })
    },
  }
}

function refuse(config: KafkaConfig): void {
  if (config.socketFactory !== undefined) {
    throw new KafkaJSNonRetriableError(
      'config.socketFactory: sockets are made by the client itself. Leave it out, and name a proxy in config.brokers.',
    )
  }
  if (config.sasl !== undefined) {
    throw new KafkaJSNonRetriableError('config.sasl: not supported by this client.')
  }
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

const tlsNames = ['ca', 'cert', 'key', 'servername']

function tlsOptions(ssl: KafkaConfig['ssl']): TlsOptions | undefined {
  if (ssl === undefined || ssl === false) return undefined
  if (ssl === true) return {}
  for (const [name, value] of Object.entries(ssl)) {
    if (value === undefined || tlsNames.includes(name) || (name === 'rejectUnauthorized' && value === true)) continue
    throw new KafkaJSNonRetriableError(`config.ssl.${name}: not supported. Known are ${tlsNames.join(', ')}.`)
  }
  return { ca: pem('ca', ssl.ca), cert: pem('cert', ssl.cert), key: pem('key', ssl.key), serverName: ssl.servername }
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
