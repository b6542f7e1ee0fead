import { type ConnectRuntime, pinoLog, type StreamsApp, startMillrace } from 'millrace'

/**
 * `pipeline.js <directory> <at-least-once|exactly-once>`: in.jsonl → events → count by key → counts → out.jsonl. Says
 * how far it is (read, counted, written), and `done` when nothing is left to do.
 */
const [directory, processing] = process.argv.slice(2)
if (directory === undefined || (processing !== 'at-least-once' && processing !== 'exactly-once')) {
  throw new Error('pipeline.js <directory> <at-least-once|exactly-once>')
}
const support = { 'exactly.once.support': processing === 'exactly-once' ? 'required' : 'disabled' }
const partitions = [0, 1, 2, 3]

const millrace = await startMillrace({ data: `${directory}/data`, log: pinoLog('error') })
const admin = millrace.client.admin()
for (const name of ['events', 'counts']) {
  await admin.createTopics([{ name, partitions: partitions.length, configs: { 'retention.ms': '-1' } }])
}
const connect = await millrace.connect(directory)
await startConnectors(connect)
const app = await millrace.run(new URL('./counts-topology.js', import.meta.url), {
  threads: 2,
  commitIntervalMs: 100,
  processing,
})
app.failure.catch((error: unknown) => process.stderr.write(`${String(error)}\n`))
while (!(await finished(connect, app))) await millrace.ports.clock.sleep(20)
await admin.close()
await millrace.close()
process.stdout.write('done\n')

async function startConnectors(runtime: ConnectRuntime): Promise<void> {
  const source = { connector: 'file-source', path: 'in.jsonl', format: 'jsonl', topic: 'events', 'key.field': 'key' }
  await runtime.put('read', { ...source, ...support, 'offset.flush.interval.ms': 100 })
  await runtime.put('write', {
    connector: 'file-sink',
    topics: 'counts',
    path: 'out.jsonl',
    'key.converter': 'string',
    fields: [
      { name: 'key', from: 'key' },
      { name: 'count', from: 'value' },
    ],
    'offset.flush.interval.ms': 100,
    ...support,
  })
}

async function finished(runtime: ConnectRuntime, running: StreamsApp): Promise<boolean> {
  const read = await endOf('events')
  const counted = await committedBy('counts', 'events')
  const written = await committedBy('connect-write', 'counts')
  process.stdout.write(`${read} ${counted} ${written}\n`)
  const { state } = await running.status()
  if (state === 'failed') throw new Error('the application failed')
  const source = runtime.get('read').status().tasks
  const whole = source.length > 0 && source.every(({ completed }) => completed)
  if (!whole || counted < (await endOf('events'))) return false
  return (await committedBy('connect-write', 'counts')) >= (await endOf('counts'))
}

async function endOf(topic: string): Promise<number> {
  const places = partitions.map((partition) => ({ topic, partition }))
  const ends = await admin.listOffsets(places, 'latest')
  return [...ends.values()].reduce<number>((sum, end) => sum + end, 0)
}

async function committedBy(group: string, topic: string): Promise<number> {
  let sum = 0
  for (const [place, { offset }] of await admin.groupOffsets(group)) if (place.topic === topic) sum += offset
  return sum
}
