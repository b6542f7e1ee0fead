import { tcpTransport } from '@millrace/client'
import { type ThreadLinkData, threadTransport } from '@millrace/embedded'
import { MillraceError, type Ports } from '@millrace/kernel'
import type { Transport } from '@millrace/protocol/internal'

/** Over TCP: the cluster is elsewhere. */
export interface TcpLink {
  readonly kind: 'tcp'
  /** `host:port` of one or more brokers. */
  readonly bootstrap: readonly string[]
}

/** To the engine in this process: segment files are read here, all else goes over a port. */
export interface ThreadLink {
  readonly kind: 'thread'
  readonly link: ThreadLinkData
}

/** How a worker reaches the cluster: plain data, a port to be moved along. */
export type EngineLink = TcpLink | ThreadLink

/** The worker's end of a link. `close` after the client: the thread lives while its port is open. */
export function openLink(
  link: unknown,
  ports: Ports,
  clientId: string,
): { readonly transport: Transport; close(): void } {
  if (!isEngineLink(link)) {
    throw new MillraceError('STATE', 'a worker was started without a way to the cluster', { value: link })
  }
  if (link.kind === 'tcp') {
    return { transport: tcpTransport({ bootstrap: link.bootstrap, ports, clientId }), close() {} }
  }
  return { transport: threadTransport(link.link, ports), close: () => link.link.port.close() }
}

function isEngineLink(link: unknown): link is EngineLink {
  return typeof link === 'object' && link !== null && 'kind' in link && (link.kind === 'tcp' || link.kind === 'thread')
}
