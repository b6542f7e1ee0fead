import { tcpTransport } from '@millrace/client'
import type { Engine } from '@millrace/embedded'
import type { Ports } from '@millrace/kernel'
import type { Transport } from '@millrace/protocol/internal'
import type { Link } from './stream-thread-hosts.ts'
import type { EngineLink } from './worker/engine-link.ts'

/** Where the topics are: an engine in this process, or brokers elsewhere. */
export interface Cluster {
  /** `host:port`, with commas between several. */
  readonly address: string
  /** Reaches it from this thread. */
  transport(): Transport
  /** A way in for one more thread. */
  link(): Link & { readonly data: EngineLink }
  close(): Promise<void>
}

/** Closing it closes the engine. */
export function embeddedCluster(engine: Engine): Cluster {
  const { host, port } = engine.listening ?? { host: '127.0.0.1', port: 0 }
  const address = `${host}:${port}`
  return {
    address,
    transport: () => engine.loopback(),
    link: () => {
      const { data, move, close } = engine.threadLink()
      return { data: { kind: 'thread', link: data }, move, close }
    },
    close: () => engine.close(),
  }
}

/** Any that speaks Kafka's protocol. @throws CONFIG for an address that is none */
export function remoteCluster(bootstrap: readonly string[], ports: Ports): Cluster {
  const transport = tcpTransport({ bootstrap, ports })
  return {
    address: bootstrap.join(','),
    transport: () => transport,
    link: () => ({ data: { kind: 'tcp', bootstrap }, close: async () => {} }),
    close: async () => {},
  }
}
