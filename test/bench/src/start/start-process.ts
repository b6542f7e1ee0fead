import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serveOrder } from '../child.ts'
import { ownCpuSeconds } from '../cpu-time.ts'

export interface StartOrder {
  /** When the process was started, on the wall clock. */
  readonly startedMs: number
  readonly program: 'engine' | 'millrace'
}

export interface StartMeasured {
  readonly readyMs: number
  readonly firstProduceMs: number
  readonly cpuS: number
  readonly readyRssMb: number
  readonly producedRssMb: number
}

/** Starts an engine on an empty directory, makes a topic and appends one record at acks=all. */
await serveOrder(async ({ startedMs, program }: StartOrder) => {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-start-'))
  const { client, close } = await (program === 'engine' ? startAlone(directory) : startWhole(directory))
  const readyMs = Date.now() - startedMs
  const readyRssMb = process.memoryUsage.rss() / 2 ** 20
  await client.admin().createTopics([{ name: 'first', partitions: 1 }])
  const producer = client.producer({ acks: 'all' })
  await producer.send({ topic: 'first', value: 'one' })
  const answer: StartMeasured = {
    readyMs,
    firstProduceMs: Date.now() - startedMs,
    cpuS: ownCpuSeconds(),
    readyRssMb,
    producedRssMb: process.memoryUsage.rss() / 2 ** 20,
  }
  return {
    answer,
    async close() {
      await close()
      rmSync(directory, { recursive: true })
    },
  }
})

async function startAlone(directory: string) {
  const { createClient } = await import('@millrace/client')
  const { startEngine } = await import('@millrace/embedded')
  const { nodePorts } = await import('@millrace/kernel/node')
  const ports = nodePorts()
  const engine = await startEngine({ directory, ports, listen: { port: 0 } })
  const client = createClient({ transport: engine.loopback(), ports })
  return {
    client,
    async close() {
      await client.close()
      await engine.close()
    },
  }
}

async function startWhole(directory: string) {
  const { startMillrace } = await import('millrace')
  const millrace = await startMillrace({ data: directory })
  return { client: millrace.client, close: () => millrace.close() }
}
