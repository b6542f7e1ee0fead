import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createClient } from '@millrace/client'
import { type Engine, startEngine } from '@millrace/embedded/internal'
import { silentLog, type Thread } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { benchTopic, type ClientWork, openWork, type Runner } from './client-work.ts'
import type { ClientAnswer, ClientOrder } from './client-worker.ts'

export type Reach = 'loopback' | 'thread' | 'TCP'

export interface BenchEngine {
  readonly run: Runner
  close(): Promise<void>
}

/** An engine in a directory of its own with one topic of one partition, and a client that reaches it in this way. */
export async function benchEngine(reach: Reach, work: ClientWork): Promise<BenchEngine> {
  const directory = mkdtempSync(join(tmpdir(), 'millrace-bench-'))
  const ports = nodePorts({ log: silentLog })
  const engine = await startEngine({ directory, ports, listen: { port: 0 } })
  const here = createClient({ transport: engine.loopback(), ports })
  await here.admin().createTopics([{ name: benchTopic, partitions: 1 }])
  const worker = reach === 'loopback' ? undefined : await startWorker(engine, reach, work)
  const run = worker === undefined ? await openWork(here, work) : worker.run
  return {
    run,
    async close() {
      await worker?.close()
      await here.close()
      await engine.close()
      rmSync(directory, { recursive: true })
    },
  }
}

/** The client in a worker thread, as a stream thread has it; the engine in the main thread. */
async function startWorker(engine: Engine, reach: 'thread' | 'TCP', work: ClientWork): Promise<BenchEngine> {
  const link = reach === 'thread' ? engine.threadLink() : undefined
  const listening = engine.listening
  const order: ClientOrder = { work, reach: link?.data ?? `${listening?.host}:${listening?.port}` }
  const module = new URL('./client-worker.js', import.meta.url)
  const options = { name: `bench-${reach}`, data: order, ...(link === undefined ? {} : { move: link.move }) }
  const thread = nodePorts({ log: silentLog }).threads.start(module, options)
  const answers = listenTo(thread)
  await answers.next()
  return {
    run() {
      thread.port.post('run')
      return answers.next()
    },
    async close() {
      thread.port.post('stop')
      const error = await thread.ended
      await link?.close()
      if (error !== undefined) throw error
    },
  }
}

function listenTo(thread: Thread): { next(): Promise<readonly number[]> } {
  let waiting: { resolve(latencies: readonly number[]): void; reject(error: Error): void } | undefined
  let early: ClientAnswer | undefined
  const give = (answer: ClientAnswer): void => {
    if (waiting === undefined) early = answer
    else if (answer.kind === 'failed') waiting.reject(new Error(answer.message))
    else waiting.resolve(answer.kind === 'done' ? answer.latencies : [])
    if (answer !== early) waiting = undefined
  }
  thread.port.listen((message) => give(message as ClientAnswer)) // only our own worker writes there
  void thread.ended.then((error) => give({ kind: 'failed', message: String(error ?? 'the worker has ended') }))
  return {
    next: () =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject }
        const answer = early
        early = undefined
        if (answer !== undefined) give(answer)
      }),
  }
}
