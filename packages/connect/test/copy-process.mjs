import { createClient } from '@millrace/client'
import { ConnectorRegistry, ConnectRuntime, inThreadHost } from '@millrace/connect'
import { fileSink, fileSource } from '@millrace/connector-file'
import { startEngine } from '@millrace/embedded'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'

/**
 * Copies in.txt to out.jsonl by way of a topic, and says `done` when all is there: `copy-process.mjs <directory> [source|sink
 * <records>]`. With the latter it is killed as soon as its source, or its sink, has taken so many.
 */
const [directory, of, records] = process.argv.slice(2)
const ports = nodePorts({ log: silentLog })
// Who comes after one that was killed waits for its session to end.
const settings = { 'group.min.session.timeout.ms': 1000 }
// A process that is killed takes no page of the system along: the disk, on which others may write, is not waited for.
const engine = await startEngine({ directory: `${directory}/log`, ports, settings, log: { syncAcksAll: false } })
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
  'consumer.override.session.timeout.ms': 2000,
  'consumer.override.heartbeat.interval.ms': 500,
})
for (;;) {
  const [source, sink] = runtime.progress()
  const taken = { source: source.counts.records, sink: sink.counts.records }
  if (of !== undefined && taken[of] >= Number(records)) process.kill(process.pid, 'SIGKILL')
  if (source.completed && sink.counts.lag === 0 && sink.counts.commits > 0) break
  await ports.clock.sleep(5)
}
await runtime.close()
await client.close()
await engine.close()
process.stdout.write('done\n')
