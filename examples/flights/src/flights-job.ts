import fs from 'node:fs'
import type { AppStatus, ConnectRuntime, Millrace, StreamsApp } from 'millrace'
import { connectMillrace, parseConnectorFile, startMillrace } from 'millrace'
import { processTreeCpuSeconds } from './cpu-usage.ts'
import { flightFiles } from './flight-files.ts'
import { makeFolder } from './folder.ts'
import type { FlightsOptions } from './options.ts'
import { type PostgresServer, postgresServer } from './postgres/postgres-server.ts'
import type { StageProgress } from './progress.ts'
import { type Stage, stageProgress } from './stage-offsets.ts'
import type { CpuShare } from './summary.ts'

const partitions = 4
const airportCount = 3376
const streamThreads = 2

const sinks = ['airport-hours-postgres', 'route-days-postgres', 'airport-hours-file', 'route-days-file'] as const

/**
 * The timestamps lie in 2001: nothing may be deleted by the wall clock. They run through half a year in half a
 * minute: files are rolled by
 * size, not for each week of it.
 */
const keepAll = { 'retention.ms': '-1', 'segment.ms': String(365 * 24 * 3_600_000) }

/** Everything that runs: the engine with its connectors and the application, and the database it writes to. */
export class FlightsJob {
  readonly millrace: Millrace
  readonly postgres: PostgresServer
  readonly connect: ConnectRuntime
  readonly app: StreamsApp
  readonly #stages: readonly Stage[]

  private constructor(
    limit: number,
    millrace: Millrace,
    postgres: PostgresServer,
    connect: ConnectRuntime,
    app: StreamsApp,
  ) {
    this.millrace = millrace
    this.postgres = postgres
    this.connect = connect
    this.app = app
    this.#stages = stagesOf(limit)
  }

  /** Starts it all. What ran before goes on where it was. */
  static async start(options: FlightsOptions): Promise<FlightsJob> {
    makeFolder('--data', options.data)
    makeFolder('--out', options.out)
    const [millrace, postgres] = await Promise.all([openMillrace(options), postgresServer(options.data)])
    const { flights, airports } = flightFiles()
    Object.assign(process.env, {
      FLIGHTS_PARQUET: flights,
      AIRPORTS_CSV: airports,
      FLIGHTS_DATABASE_URL: postgres.url,
      FLIGHTS_OUT: options.out,
    })
    await createTopics(millrace)
    const support = { 'exactly.once.support': options.processing === 'exactly-once' ? 'required' : 'disabled' }
    const connect = await millrace.connect()
    await Promise.all([
      connect.put('airports', { ...config('airports'), ...support }),
      connect.put('flights', { ...config('flights'), ...support, limit: options.limit }),
      ...sinks.map((name) => connect.put(name, { ...config(name), ...support })),
    ])
    // The join waits for its airports: a flight that came first would go without a name.
    await until(() => isRead(connect, 'airports'))
    const { processing } = options
    const app = await millrace.run(new URL('./topology.js', import.meta.url), { threads: streamThreads, processing })
    return new FlightsJob(options.limit, millrace, postgres, connect, app)
  }

  async progress(): Promise<StageProgress[]> {
    const admin = this.millrace.client.admin()
    try {
      return await stageProgress(admin, this.#stages, this.#notes())
    } finally {
      await admin.close()
    }
  }

  /** Every flight is through every stage, and what came out of it is written. */
  async finished(stages: readonly StageProgress[]): Promise<boolean> {
    return isRead(this.connect, 'flights') && stages.every(({ lag }) => lag === undefined || lag === 0)
  }

  status(): Promise<AppStatus> {
    return this.app.status()
  }

  async cpu(): Promise<CpuShare[]> {
    const tasks = await this.connect.cpuSeconds()
    const share = (names: readonly string[]) => names.reduce((sum, name) => sum + (tasks.get(`${name}-0`) ?? 0), 0)
    const streams = (await this.app.status()).cpuSeconds ?? 0
    const { user, system } = process.cpuUsage()
    const sources = share(['airports', 'flights'])
    const postgresSinks = share(sinks.slice(0, 2))
    const fileSinks = share(sinks.slice(2))
    const whole = (user + system) / 1e6
    const shares = [
      { stage: 'sources', seconds: sources },
      { stage: 'streams', seconds: streams },
      { stage: 'PostgreSQL sinks', seconds: postgresSinks },
      { stage: 'file sinks', seconds: fileSinks },
      { stage: 'engine and the rest', seconds: Math.max(0, whole - sources - streams - postgresSinks - fileSinks) },
    ]
    const server = this.postgres.pid === undefined ? undefined : processTreeCpuSeconds(this.postgres.pid)
    return server === undefined ? shares : [...shares, { stage: 'PostgreSQL', seconds: server }]
  }

  /** Commits, flushes and stops everything; the server of the database too, if it is ours. */
  async stop(): Promise<void> {
    await this.millrace.close()
    await this.postgres.stop()
  }

  /** What a person should see beside a stage. */
  #notes(): Map<string, string> {
    const notes = new Map<string, string>()
    for (const task of this.connect.progress()) {
      if (task.reason === undefined) continue
      const since = task.retryingSinceMs === undefined ? '' : ` since ${new Date(task.retryingSinceMs).toISOString()}`
      const word = task.retryingSinceMs === undefined ? task.state.toLowerCase() : 'retrying'
      notes.set(stageNames.get(task.connector) ?? task.connector, `${word}${since}: ${task.reason}`)
    }
    return notes
  }
}

const stageNames = new Map([
  ['airports', 'read airports'],
  ['flights', 'read flights'],
  ['airport-hours-postgres', 'hours to PostgreSQL'],
  ['route-days-postgres', 'days to PostgreSQL'],
  ['airport-hours-file', 'hours to a file'],
  ['route-days-file', 'days to a file'],
])

function stagesOf(limit: number): Stage[] {
  return [
    { name: 'read airports', topic: 'airports', group: undefined, total: airportCount },
    { name: 'read flights', topic: 'flights', group: undefined, total: limit },
    { name: 'airport hours', topic: 'flights', group: 'flights', total: limit },
    { name: 'route days', topic: 'flights-routes-repartition', group: 'flights', total: limit },
    { name: 'hours to PostgreSQL', topic: 'airport-hours', group: 'connect-airport-hours-postgres', total: undefined },
    { name: 'days to PostgreSQL', topic: 'route-days', group: 'connect-route-days-postgres', total: undefined },
    { name: 'hours to a file', topic: 'airport-hours', group: 'connect-airport-hours-file', total: undefined },
    { name: 'days to a file', topic: 'route-days', group: 'connect-route-days-file', total: undefined },
  ]
}

function openMillrace({ data, bootstrap }: FlightsOptions): Promise<Millrace> {
  return bootstrap === undefined ? startMillrace({ data }) : connectMillrace({ data, bootstrap })
}

async function createTopics(millrace: Millrace): Promise<void> {
  const admin = millrace.client.admin()
  await admin.createTopics([
    { name: 'flights', partitions, configs: keepAll },
    { name: 'airports', partitions, configs: { ...keepAll, 'cleanup.policy': 'compact' } },
    { name: 'airport-hours', partitions, configs: keepAll },
    { name: 'route-days', partitions, configs: keepAll },
  ])
  await admin.close()
}

/** The source has read all there is. */
function isRead(connect: ConnectRuntime, source: string): boolean {
  const { tasks } = connect.get(source).status()
  return tasks.length > 0 && tasks.every(({ completed }) => completed)
}

function config(name: string) {
  const file = new URL(`../connectors/${name}.json`, import.meta.url)
  return parseConnectorFile(fs.readFileSync(file, 'utf8'), `connectors/${name}.json`).config
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}
