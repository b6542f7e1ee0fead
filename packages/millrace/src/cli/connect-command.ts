import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Admin } from '@millrace/client'
import {
  ConnectorConfigError,
  type ConnectorFile,
  ConnectorRegistry,
  type ConnectRuntime,
  checkConfig,
  parseConnectorFile,
  type TaskStatus,
} from '@millrace/connect/internal'
import { codeOf, configError, MillraceError } from '@millrace/kernel'
import { nodeDisk } from '@millrace/kernel/node'
import { bundledConnectors } from '../bundled-connectors.ts'
import { errorLine, Refusals } from './command-errors.ts'
import { type Interruption, interruption, pause } from './interruption.ts'
import { grouped, ProgressLines, recordsText } from './progress-lines.ts'
import { openMillrace, type RunOptions } from './run-command.ts'
import { sinksAreDone } from './sink-backlog.ts'

export interface ConnectOptions extends Pick<RunOptions, 'data' | 'bootstrap' | 'listen' | 'port'> {
  readonly once?: boolean | undefined
}

/** Runs connectors until Ctrl-C; with `--once` until everything that is there has gone through. */
export async function connect(files: readonly string[], options: ConnectOptions): Promise<void> {
  const connectors = readConnectors(files)
  const interrupted = interruption()
  const millrace = await openMillrace(options)
  try {
    const runtime = await millrace.connect()
    for (const { name, config } of connectors) await runtime.put(name, config)
    process.stdout.write(`${runtime.names().join(', ')} on ${millrace.address}\n`)
    if (options.port !== undefined) {
      const served = await millrace.serve({ port: options.port })
      process.stdout.write(`REST: ${served.url}/connectors\n`)
    }
    const admin = millrace.client.admin()
    const names = connectors.map(({ name }) => name)
    const done = options.once === true ? () => allDone(runtime, names, admin) : async () => false
    await follow(runtime, interrupted, done).finally(() => admin.close())
  } finally {
    await millrace.close()
  }
}

/** Every file checked before anything starts. @throws Refusals with all problems of all files */
function readConnectors(files: readonly string[]): readonly ConnectorFile[] {
  const registry = new ConnectorRegistry(bundledConnectors)
  const world = { registry, environment: process.env, disk: nodeDisk(), resolvePath: (path: string) => resolve(path) }
  const problems: string[] = []
  const found = new Map<string, ConnectorFile>()
  for (const file of files) {
    try {
      const connector = parseConnectorFile(readText(file), file)
      checkConfig(connector.name, connector.config, world)
      if (found.has(connector.name)) problems.push(configError(file, 'is another connector', connector.name).message)
      found.set(connector.name, connector)
    } catch (error) {
      problems.push(...problemsOf(file, error))
    }
  }
  if (problems.length > 0) throw new Refusals(problems)
  return [...found.values()]
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const problem = codeOf(cause) === 'ENOENT' ? 'there is no such file' : `cannot be read (${codeOf(cause)})`
    throw new MillraceError('CONFIG', problem, { place: file, fix: `Looked for ${resolve(file)}.`, cause })
  }
}

function problemsOf(file: string, error: unknown): readonly string[] {
  if (!(error instanceof ConnectorConfigError)) return [errorLine(error)]
  return error.problems.map(({ option, problem, value, fix }) => {
    const place = `${file}: ${option}`
    return new MillraceError('CONFIG', problem, { place, fix, ...(value !== undefined && { value }) }).message
  })
}

/** @throws the reason of a task that has failed for good */
async function allDone(runtime: ConnectRuntime, names: readonly string[], admin: Admin): Promise<boolean> {
  const statuses = names.map((name) => runtime.get(name).status())
  for (const { name, state, trace, tasks } of statuses) {
    if (state === 'FAILED') throw new MillraceError('STATE', trace ?? 'has failed', { place: `connector ${name}` })
    const failed = tasks.find((task) => task.state === 'FAILED' && task.restartsAtMs === undefined)
    if (failed === undefined) continue
    throw new MillraceError('STATE', failed.reason ?? 'has failed', { place: `connector ${name} task ${failed.task}` })
  }
  const sources = statuses.filter(({ type }) => type === 'source')
  if (!sources.every(({ tasks }) => tasks.length > 0 && tasks.every(({ completed }) => completed))) return false
  const sinks = names.filter((name) => runtime.get(name).connector?.kind === 'sink')
  return sinksAreDone(
    admin,
    sinks.map((name) => ({ name, raw: runtime.get(name).raw })),
  )
}

async function follow(runtime: ConnectRuntime, { signal }: Interruption, done: () => Promise<boolean>): Promise<void> {
  const progress = new ProgressLines()
  while (!signal.aborted && !(await done())) {
    const atMs = performance.now()
    progress.draw(linesOf(runtime, progress, atMs), atMs)
    await pause(200, signal)
  }
  progress.finish(linesOf(runtime, progress, performance.now()))
}

function linesOf(runtime: ConnectRuntime, progress: ProgressLines, atMs: number): Map<string, string> {
  const lines = new Map<string, string>()
  for (const { name, state, trace, tasks } of runtime.status()) {
    if (tasks.length === 0) lines.set(name, [state, trace].filter((part) => part !== undefined).join(': '))
    for (const task of tasks) {
      if (task.state === 'UNASSIGNED' && task.reason === undefined) continue
      const about = `${name}-${task.task}`
      lines.set(about, taskLine(task, progress.perSecond(about, task.counts.records, atMs)))
    }
  }
  return lines
}

function taskLine(task: TaskStatus, perSecond: number): string {
  const { counts, completed, retryingSinceMs, reason } = task
  const retrying =
    retryingSinceMs === undefined ? undefined : `retrying since ${new Date(retryingSinceMs).toISOString()}`
  const parts = [
    completed ? 'completed' : (retrying ?? (task.state === 'UNASSIGNED' ? 'waiting' : task.state.toLowerCase())),
    recordsText(counts.records),
    ...(perSecond > 0 ? [`${grouped(perSecond)}/s`] : []),
    ...(counts.lag >= 0 ? [`lag ${grouped(counts.lag)}`] : []),
    ...(counts.total > 0 ? [`${Math.floor((counts.done / counts.total) * 100)} %`] : []),
    ...(counts.skipped > 0
      ? [`${grouped(counts.skipped)} skipped, ${grouped(counts.deadLettered)} dead-lettered`]
      : []),
    ...(reason === undefined ? [] : [reason]),
  ]
  return parts.join(', ')
}
