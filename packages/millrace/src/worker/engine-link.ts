import { tcpTransport } from '@millrace/client'
import { MillraceError, type Ports } from '@millrace/kernel'
import type { Transport } from '@millrace/protocol/internal'

/** How a worker reaches the cluster: plain data. */
export interface TcpLink {
  readonly kind: 'tcp'
  /** `host:port` of one or more brokers. */
  readonly bootstrap: readonly string[]
}

export type EngineLink = TcpLink

/** The worker's end of a link. */
export function openLink(link: unknown, ports: Ports, clientId: string): Transport {
  if (typeof link === 'object' && link !== null && 'kind' in link) {
    if (link.kind === 'tcp' && 'bootstrap' in link && Array.isArray(link.bootstrap)) {
      return tcpTransport({ bootstrap: link.bootstrap.map(String), ports, clientId })
    }
  }
  throw new MillraceError('STATE', 'a worker was started without a way to the cluster', { value: link })
}
