import { createClient } from '@millrace/client'
import { ConnectorRegistry, ConnectRuntime, inThreadHost } from '@millrace/connect'
import { fileSink, fileSource } from '@millrace/connector-file'
import { startEngine } from '@millrace/embedded'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'

/** Copies in.txt to out.jsonl by way of a topic, and says `done` when all is there. To be killed at any moment. */
const [directory] = process.argv.slice(2)
const ports = nodePorts({ log: silentLog })
const engine = await startEngine({ directory: `${directory}/log`, ports })
const client = createClient({ transport: engine.loopback(), ports })
const connectors = [fileSource, fileSink]
const host = inThreadHost({ client, ports, registry: new ConnectorRegistry(connectors) })
const runtime = await ConnectRuntime.start({ client, ports, connectors, host, baseDirectory: directory })
const often = { 'offset.flush.interval.ms': 20 }
await runtime.put('source', {
  ...often,
  connector: 'file-source',
  path: 'in.txt',
  topic: 'lines',
  timestamp: 0,
  'topic.creation.default.partitions': 2,
})
await runtime.put('sink', {
  ...often,
  connector: 'file-sink',
  path: 'out.jsonl',
  topics: 'lines',
  'batch.bytes.max': 20_000,
  'consumer.override.session.timeout.ms': 6000,
})
for (;;) {
  const [source, sink] = runtime.progress()
  process.stdout.write(`${source.counts.records} ${sink.counts.records}\n`)
  if (source.completed && sink.counts.lag === 0 && sink.counts.commits > 0) break
  await ports.clock.sleep(5)
}
await runtime.close()
await client.close()
await engine.close()
process.stdout.write('done\n')
