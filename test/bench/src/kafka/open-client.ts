import { type Client, createClient, tcpTransport } from '@millrace/client'
import { nodePorts } from '@millrace/kernel/node'

/** Our client, to any broker. */
export function openClient(bootstrap: string): Client {
  const ports = nodePorts()
  return createClient({ transport: tcpTransport({ bootstrap: [bootstrap], ports }), ports })
}
