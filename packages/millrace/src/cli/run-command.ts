import type { Admin } from '@millrace/client'
import { configError } from '@millrace/kernel'
import { nodeLog } from '@millrace/kernel/node'
import {
  type AppStatus,
  type Processing,
  planTopology,
  type StreamsApp,
  type Topology,
} from '@millrace/streams/internal'
import { connectMillrace } from '../connect-millrace.ts'
import { type Millrace, startMillrace } from '../millrace.ts'
import type { HostPort } from './arguments.ts'
import { reach } from './cluster-choice.ts'
import { naming } from './directory-in-use.ts'
import { type Interruption, interruption, pause } from './interruption.ts'
import { goOnWithoutReader } from './output-reader.ts'
import { grouped, ProgressLines, recordsText } from './progress-lines.ts'
import { loadUserTopology, userModuleFlags } from './topology-module.ts'

export interface RunOptions {
  readonly export: string
  readonly data: string
  readonly bootstrap?: readonly string[] | undefined
  readonly listen?: HostPort | undefined
  readonly threads: number
  readonly processing: Processing
  readonly applicationId?: string | undefined
  readonly port?: number | undefined
  readonly createTopics?: number | undefined
}

/** Runs an application until Ctrl-C, which commits, or until a thread of it fails. */
export async function run(file: string, options: RunOptions): Promise<void> {
  const interrupted = interruption()
  const { topology, url } = await loadUserTopology(file, options.export)
  const topics = externalTopics(topology, options.applicationId)
  const millrace = await openMillrace(options, userModuleFlags)
  try {
    say(`${topology.name} on ${millrace.address}, state in ${options.data}`)
    await provideTopics(millrace, topics, options.createTopics, interrupted.signal)
    if (interrupted.signal.aborted) return
    const { threads, processing, applicationId } = options
    const app = await millrace.run(url, { threads, processing, applicationId }, options.export)
    if (options.port !== undefined) {
      const served = await millrace.serve({ port: options.port })
      say(`queries: ${served.url}/stores/NAME/KEY`)
    }
    await follow(app, interrupted)
    say('committing')
  } finally {
    await millrace.close()
  }
}

/** The engine in a directory, or a cluster elsewhere. */
export async function openMillrace(
  options: Pick<RunOptions, 'data' | 'bootstrap' | 'listen'>,
  execArgv?: readonly string[],
): Promise<Millrace> {
  const { data, bootstrap, listen } = options
  goOnWithoutReader()
  const log = nodeLog({ level: 'warn' })
  if (bootstrap === undefined) return naming(() => startMillrace({ data, listen, log, execArgv }))
  if (listen !== undefined) {
    throw configError('--listen', 'is of an engine in this process', `${listen.host}:${listen.port}`, 'Leave it out.')
  }
  await reach(bootstrap)
  return connectMillrace({ bootstrap, data, log, execArgv })
}

/** What the application reads and writes and does not make itself. */
function externalTopics(topology: Topology, applicationId: string | undefined): readonly string[] {
  const plan = planTopology(topology, applicationId)
  const own = new Set([...plan.repartitionTopics, ...plan.changelogTopics].map(({ name }) => name))
  return [...new Set([...plan.externalSourceTopics, ...plan.writtenTopics])].filter((topic) => !own.has(topic))
}

/** Makes the topics that are missing, or says how and waits until somebody has. */
async function provideTopics(
  millrace: Millrace,
  topics: readonly string[],
  partitions: number | undefined,
  signal: AbortSignal,
): Promise<void> {
  const admin = millrace.client.admin()
  try {
    if (partitions !== undefined) {
      const made = await admin.createTopics(topics.map((name) => ({ name, partitions })))
      if (made.length > 0) say(`made topics: ${made.join(', ')}`)
    }
    let said = ''
    while (!signal.aborted) {
      const missing = await missingTopics(admin, topics)
      if (missing.length === 0) return
      if (missing.join() !== said) say(waitingText(missing, millrace.address))
      said = missing.join()
      await pause(200, signal)
    }
  } finally {
    await admin.close()
  }
}

async function missingTopics(admin: Admin, topics: readonly string[]): Promise<readonly string[]> {
  const known = new Set((await admin.describeTopics(topics)).map(({ name }) => name))
  return topics.filter((topic) => !known.has(topic))
}

function waitingText(missing: readonly string[], address: string): string {
  const lines = missing.map((topic) => `  millrace topics create ${topic} --partitions N --bootstrap ${address}`)
  return `waiting for topics; make them (or say --create-topics N):\n${lines.join('\n')}`
}

async function follow(app: StreamsApp, { happened }: Interruption): Promise<void> {
  const progress = new ProgressLines()
  const over = new AbortController()
  const watching = (async () => {
    while (!over.signal.aborted) {
      const atMs = performance.now()
      progress.draw(linesOf(await app.status(), progress, atMs), atMs)
      await pause(500, over.signal)
    }
  })()
  try {
    await Promise.race([happened, app.failure, watching])
  } finally {
    over.abort()
    await watching
  }
  progress.finish(linesOf(await app.status(), progress, performance.now()))
}

function linesOf(status: AppStatus, progress: ProgressLines, atMs: number): Map<string, string> {
  const tasks = status.threads.reduce((sum, thread) => sum + thread.tasks.length, 0)
  const restored = status.restoredRecords === 0 ? '' : `, ${recordsText(status.restoredRecords)} restored`
  const lines = new Map([['state', `${status.state}, ${tasks} ${tasks === 1 ? 'task' : 'tasks'}${restored}`]])
  for (const { topic, records, lag } of status.sources) {
    const perSecond = grouped(progress.perSecond(topic, records, atMs))
    lines.set(topic, `${recordsText(records)}, ${perSecond}/s, lag ${grouped(lag)}`)
  }
  if (status.waitingFor.length > 0) lines.set('waiting for', status.waitingFor.join(', '))
  const dropped = Object.entries(status.dropped).filter(([, count]) => count > 0)
  if (dropped.length > 0) lines.set('dropped', dropped.map(([why, count]) => `${why} ${grouped(count)}`).join(', '))
  return lines
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
