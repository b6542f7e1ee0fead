import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { startKafka } from '@millrace/test-contract'
import { firstAcknowledged } from './first-acknowledged.ts'
import { cpuSecondsOf, residentMiB } from './process-figures.ts'

export type BrokerName = 'kafka' | 'synced' | 'unsynced'

/** A broker in a process of its own. */
export interface BrokerUnderTest {
  readonly name: BrokerName
  readonly bootstrap: string
  /** From the start of its process, on data that is formatted where it has to be, to the first acknowledged produce. */
  readonly startMs: number
  cpuSeconds(): number
  residentMiB(): number
  /** What it has asked the disk to make durable; undefined for one that is not asked. */
  syncs(): Promise<number | undefined>
  stop(): Promise<void>
}

export interface ServerOptions {
  /** Where a CPU profile of our server goes when it stops. */
  readonly profiles?: string | undefined
}

/** Joins are measured, not the pause before the first of a group; and deleted data goes at once, for the next round. */
const settings = { 'group.initial.rebalance.delay.ms': 0, 'log.segment.delete.delay.ms': 1000 }

export function startBroker(name: BrokerName, options: ServerOptions = {}): Promise<BrokerUnderTest> {
  return name === 'kafka' ? startApacheKafka() : startOurs(name, options)
}

/** As kafka-server-start.sh and kafka-run-class.sh have them. */
const javaOptions = [
  ...['-Xms1g', '-server', '-XX:MaxGCPauseMillis=20', '-XX:InitiatingHeapOccupancyPercent=35'],
  '-XX:+ExplicitGCInvokesConcurrent',
]

async function startApacheKafka(): Promise<BrokerUnderTest> {
  let startedMs = 0
  let acknowledged: Promise<void> | undefined
  const cluster = await startKafka({
    heap: '1g',
    javaOptions,
    settings,
    starting(bootstrap) {
      startedMs = Date.now()
      acknowledged = firstAcknowledged(bootstrap)
      acknowledged.catch(() => {})
    },
  })
  await acknowledged
  const startMs = Date.now() - startedMs
  const pid = cluster.pid(1)
  return {
    name: 'kafka',
    bootstrap: cluster.bootstrap,
    startMs,
    cpuSeconds: () => cpuSecondsOf(pid),
    residentMiB: () => residentMiB(pid),
    syncs: async () => undefined,
    stop: () => cluster.stop(),
  }
}

const program = fileURLToPath(new URL('../../../../packages/millrace/bin/millrace.js', import.meta.url))
const counting = new URL('./count-syncs.js', import.meta.url).href

async function startOurs(name: 'synced' | 'unsynced', { profiles }: ServerOptions): Promise<BrokerUnderTest> {
  const folder = fs.mkdtempSync(join(tmpdir(), `millrace-bench-${name}-`))
  const counted = join(folder, 'syncs')
  const bootstrap = `127.0.0.1:${await freePort()}`
  const all = { ...settings, ...(name === 'unsynced' ? { 'acks.all.sync': false } : {}) }
  const profiling = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(profiles, name)}`]
  const given = Object.entries(all).flatMap(([key, value]) => ['--set', `${key}=${value}`])
  const args = [program, 'server', '--listen', bootstrap, '--data', join(folder, 'data'), ...given]
  const startedMs = Date.now()
  const server = spawn(process.execPath, [...profiling, '--import', counting, ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, MILLRACE_BENCH_SYNCS: counted },
  })
  const killed = () => void server.kill('SIGKILL')
  process.once('exit', killed)
  const ended = once(server, 'exit')
  const early = ended.then(([code]) => {
    throw new Error(`the server ended with ${code}`)
  })
  early.catch(() => {})
  await Promise.race([firstAcknowledged(bootstrap), early])
  const startMs = Date.now() - startedMs
  const pid = server.pid ?? 0
  return {
    name,
    bootstrap,
    startMs,
    cpuSeconds: () => cpuSecondsOf(pid),
    residentMiB: () => residentMiB(pid),
    syncs: () => readSyncs(server, counted),
    async stop() {
      server.kill('SIGTERM')
      await ended
      process.removeListener('exit', killed)
      fs.rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function readSyncs(server: ChildProcess, file: string): Promise<number> {
  fs.rmSync(file, { force: true })
  server.kill('SIGUSR2')
  for (;;) {
    const text = fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : ''
    if (text.endsWith('\n')) return Number(text)
    await sleep(5)
  }
}

async function freePort(): Promise<number> {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const address = holder.address()
  await new Promise((resolve) => holder.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('a listening server has a port')
  return address.port
}
