import { createClient, tcpTransport } from '@millrace/client'
import { nodePorts } from '@millrace/kernel/node'
import type { Connection } from '@millrace/protocol/internal'
import { startChild } from '../child.ts'
import { type Figure, figureOf } from '../figure.ts'
import { cpuSecondsOf, residentMiB } from '../kafka/process-figures.ts'
import type { ServerAnswer } from './server-process.ts'

const idle = 10_000
const opensAtOnce = 100
const sends = 1_000
const quietMs = 5_000

/** What ten thousand connections cost that have said who they are and are silent since. */
export async function connectionsFigures(): Promise<readonly Figure[]> {
  const server = startChild<null, ServerAnswer>(new URL('./server-process.js', import.meta.url), null)
  const { port, pid } = await server.answer
  const ports = nodePorts()
  const bootstrap = [`127.0.0.1:${port}`]
  const figures: Figure[] = []
  const row = (what: string, by: string, unit: Figure['unit'], value: number) =>
    figures.push(figureOf(what, by, unit, [value]))
  const open: Connection[] = []
  try {
    const none = '1 connection'
    row('1,000 records, one after the other, acks=1', none, 'ms', await sendsMs(bootstrap, port))
    const before = residentMiB(pid)
    row('resident memory of the server', none, 'MB', before)
    const transport = tcpTransport({ bootstrap, ports })
    const [node] = transport.bootstrap
    if (node === undefined) throw new Error('an address')
    const began = performance.now()
    while (open.length < idle) {
      open.push(...(await Promise.all(Array.from({ length: opensAtOnce }, () => transport.connect(node)))))
    }
    const by = `${idle.toLocaleString('en')} idle connections`
    row('all opened, each asked for versions', by, 's', (performance.now() - began) / 1000)
    const cpu = cpuSecondsOf(pid)
    await ports.clock.sleep(quietMs)
    row(`CPU of the server in ${quietMs / 1000} s of silence`, by, 'CPU s', cpuSecondsOf(pid) - cpu)
    row('resident memory of the server', by, 'MB', residentMiB(pid))
    row('resident memory a connection', by, 'kB', ((residentMiB(pid) - before) * 1024) / idle)
    row('1,000 records, one after the other, acks=1', by, 'ms', await sendsMs(bootstrap, port))
    return figures
  } finally {
    await Promise.all(open.map((connection) => connection.close()))
    await server.end()
  }
}

/** What somebody else sees who writes meanwhile. */
async function sendsMs(bootstrap: readonly string[], seed: number): Promise<number> {
  const ports = nodePorts()
  const client = createClient({ transport: tcpTransport({ bootstrap, ports }), ports })
  const topic = `records-${seed}`
  await client.admin().createTopics([{ name: topic, partitions: 1 }])
  const producer = client.producer({ acks: 1, idempotent: false })
  await producer.send({ topic, value: 'first' })
  const began = performance.now()
  for (let i = 0; i < sends; i++) await producer.send({ topic, value: 'x' })
  const took = performance.now() - began
  await client.close()
  return took
}
