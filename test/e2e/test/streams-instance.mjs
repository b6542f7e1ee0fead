// One instance of an application, in a process of its own:
//   node streams-instance.mjs <broker> <state directory> <threads> <at-least-once|exactly-once>
// Tells its status as lines of JSON; stops at `stop` on its standard input.
import { createInterface } from 'node:readline'
import { createClient, tcpTransport } from '@millrace/client'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { lmdbEngine } from '@millrace/store'
import { defineTopology, json, string, topic } from '@millrace/streams'
import { runStreamThread, startStreams } from '@millrace/streams/internal'

const [bootstrap = '', stateDirectory = '', threads = '1', processing = 'at-least-once'] = process.argv.slice(2)
const ports = nodePorts({ log: silentLog })

const topology = defineTopology('instances', ({ stream }) => {
  stream(topic('events', { key: string(), value: string() }))
    .groupBy((user) => user, { name: 'by-user', key: string(), value: string() })
    .count({ store: 'per-user' })
    .toStream()
    .to(topic('per-user', { key: string(), value: json() }))
})

const host = {
  start(data) {
    const { near, far } = ports.threads.channel()
    const port = ports.threads.adopt(far)
    const client = createClient({ transport: tcpTransport({ bootstrap: [bootstrap], ports }), ports })
    const engine = lmdbEngine({ disk: ports.disk })
    const ended = runStreamThread({ data, port, client, ports, engine, topology }).then(
      () => undefined,
      (error) => error,
    )
    return {
      port: near,
      ended: ended.finally(() => port.close()),
      terminate: async () => {},
      cpuSeconds: async () => undefined,
    }
  },
}

const app = await startStreams({
  topology,
  module: { url: 'test:', exportName: 'default' },
  options: {
    stateDirectory,
    threads: Number(threads),
    processing,
    commitIntervalMs: 100,
    sessionTimeoutMs: 1500,
    transactionTimeoutMs: 2000,
  },
  host,
  ports,
})
const telling = setInterval(async () => console.log(JSON.stringify(await app.status())), 50)
createInterface({ input: process.stdin }).on('line', async (line) => {
  if (line !== 'stop') return
  await app.close()
  clearInterval(telling)
  process.exit(0)
})
