import { createClient } from '@millrace/client'
import { ConnectorRegistry, runTaskThread } from '@millrace/connect'
import { threadTransport } from '@millrace/embedded'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { fallingNumbers } from './falling-numbers.mjs'

/** The module of a worker thread, as a composer writes it. */
export default (data, port) =>
  runTaskThread(data, port, async (link) => {
    const ports = nodePorts({ log: silentLog })
    const client = createClient({ transport: threadTransport(link, ports), ports })
    return { client, ports, registry: new ConnectorRegistry([fallingNumbers]), close: () => client.close() }
  })
