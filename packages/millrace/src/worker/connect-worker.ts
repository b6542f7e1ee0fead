import { createClient } from '@millrace/client'
import { ConnectorRegistry, runTaskThread } from '@millrace/connect'
import type { ThreadPort } from '@millrace/kernel'
import { bundledConnectors } from '../bundled-connectors.ts'
import { nodePorts } from '../node-ports.ts'
import { pinoLog } from '../ports/pino-log.ts'
import { openLink } from './engine-link.ts'

/** The module of a connector's worker thread. */
export default function start(data: unknown, port: ThreadPort): Promise<void> {
  return runTaskThread(data, port, async (link) => {
    const ports = nodePorts(pinoLog('warn'))
    const client = createClient({ transport: openLink(link, ports, 'millrace-connect'), ports })
    return { client, ports, registry: new ConnectorRegistry(bundledConnectors), close: () => client.close() }
  })
}
