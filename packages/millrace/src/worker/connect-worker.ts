import { createClient } from '@millrace/client'
import { ConnectorRegistry, runTaskThread } from '@millrace/connect'
import type { ThreadPort } from '@millrace/kernel'
import { bundledConnectors } from '../bundled-connectors.ts'
import { nodePorts } from '../node-ports.ts'
import { pinoLog } from '../ports/pino-log.ts'
import { openLink } from './engine-link.ts'

/** The module of a connector's worker thread. */
export default function start(data: unknown, port: ThreadPort): Promise<void> {
  return runTaskThread(data, port, async (given) => {
    const ports = nodePorts(pinoLog('warn'))
    const link = openLink(given, ports, 'millrace-connect')
    const client = createClient({ transport: link.transport, ports })
    const close = async (): Promise<void> => {
      await client.close()
      link.close()
    }
    return { client, ports, registry: new ConnectorRegistry(bundledConnectors), close }
  })
}
