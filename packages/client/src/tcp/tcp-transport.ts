import { configError, MiB, MillraceError, nearest, type Ports, type TlsOptions } from '@millrace/kernel'
import { defaultFrameBytesMax, type NodeAddress, type Transport } from '@millrace/protocol/internal'
import { checkSasl, type SaslOptions } from './sasl.ts'
import { TcpConnection } from './tcp-connection.ts'

export interface TcpTransportOptions {
  /** Where to begin, `host:port` each, an IPv6 address in brackets. Tried in turn. */
  readonly bootstrap: readonly string[]
  readonly ports: Pick<Ports, 'net' | 'clock' | 'random'>
  /** Shown by the broker in its logs and group descriptions. @default 'millrace' */
  readonly clientId?: string | undefined
  /** Speak TLS. `{}` trusts what Node trusts. */
  readonly tls?: TlsOptions | undefined
  /**
   * Log in. With `plain` the password itself is sent: over TLS only. Secrets are never logged, nor in an error.
   *
   * @example { mechanism: 'scram-sha-512', username: 'app', password: process.env.KAFKA_PASSWORD }
   * @example { mechanism: 'oauthbearer', token: async () => ({ value: await fetchToken() }) }
   */
  readonly sasl?: SaslOptions | undefined
  /** Give up connecting, the first exchange included. @default 10000 */
  readonly connectTimeoutMs?: number | undefined
  /** Bytes of requests sent and not yet answered, for each connection. More have to wait. @default 64 MiB */
  readonly outstandingBytesMax?: number | undefined
  /** The largest response that is read. @default 100 MiB */
  readonly frameBytesMax?: number | undefined
}

const optionNames: readonly (keyof TcpTransportOptions)[] = [
  'bootstrap',
  'ports',
  'clientId',
  'tls',
  'sasl',
  'connectTimeoutMs',
  'outstandingBytesMax',
  'frameBytesMax',
]

/**
 * Reaches brokers over TCP or TLS: ours, Apache Kafka, whatever speaks the protocol.
 *
 * @throws CONFIG for an option that is misspelt or an address that is none.
 */
export function tcpTransport(options: TcpTransportOptions): Transport {
  for (const name of Object.keys(options)) {
    if (optionNames.some((known) => known === name)) continue
    const guess = nearest(name, optionNames)
    throw configError(`tcpTransport.${name}`, 'no such option', name, guess && `Did you mean ${guess}?`)
  }
  if (options.bootstrap.length === 0) {
    throw configError('tcpTransport.bootstrap', 'no address is given', options.bootstrap, "Write ['localhost:9092'].")
  }
  // Nodes that metadata has not named yet get negative ids, as in Kafka's own clients.
  const bootstrap = options.bootstrap.map((text, i) => ({ nodeId: -1 - i, ...parseAddress(text) }))
  const { connectTimeoutMs = 10_000, outstandingBytesMax = 64 * MiB, frameBytesMax = defaultFrameBytesMax } = options
  const settings = {
    ...options.ports,
    clientId: options.clientId ?? 'millrace',
    tls: options.tls,
    sasl: checkSasl(options.sasl),
    connectTimeoutMs,
    outstandingBytesMax,
    frameBytesMax,
  }
  return {
    bootstrap,
    connect: (node: NodeAddress, signal?: AbortSignal) => {
      if (signal?.aborted === true) return Promise.reject(new MillraceError('ABORTED', `connecting to ${node.host}`))
      return TcpConnection.open(node, settings, signal)
    },
  }
}

function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const parts = /^(?:\[([^\]]+)\]|([^:\s/]+)):(\d{1,5})$/.exec(text)
  const host = parts?.[1] ?? parts?.[2]
  const port = Number(parts?.[3])
  if (host === undefined || !(port > 0 && port < 65_536)) {
    throw configError('tcpTransport.bootstrap', 'an address is host:port', text, "Write 'localhost:9092'.")
  }
  return { host, port }
}
