import { resolve } from 'node:path'
import { type Client, createClient } from '@millrace/client'
import { ConnectRuntime, connectRoutes, threadHost } from '@millrace/connect'
import { startEngine } from '@millrace/embedded'
import type { HttpRoute, HttpServer, Log, Ports } from '@millrace/kernel'
import {
  loadTopology,
  type StreamsApp,
  type StreamsOptions,
  startStreams,
  storeRoutes,
  type Topology,
} from '@millrace/streams/internal'
import { bundledConnectors } from './bundled-connectors.ts'
import { dataDirectory, refuseUnknown } from './checked-options.ts'
import { type Cluster, embeddedCluster } from './cluster.ts'
import { nodePorts } from './node-ports.ts'
import { fastifyHttp } from './ports/fastify-http.ts'
import { pinoLog } from './ports/pino-log.ts'
import { callingThreadHost, workerThreadHost } from './stream-thread-hosts.ts'

export interface MillraceOptions {
  /** Topics and state lie here; made where it is missing. One process at a time. */
  readonly data: string
  /** Where Kafka clients may connect. @default 127.0.0.1 and any free port */
  readonly listen?: { readonly host?: string | undefined; readonly port: number } | undefined
  /** Of the broker and defaults of topics, by Kafka's names: `{ 'log.retention.hours': 24 }`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
  /** @default JSON lines of warnings on standard error */
  readonly log?: Log | undefined
  /** Flags of Node for the threads, such as a loader for TypeScript. @default those of this process */
  readonly execArgv?: readonly string[] | undefined
}

export type StartOptions = Omit<StreamsOptions, 'stateDirectory'>

/**
 * The engine, connectors and stream applications of one process.
 *
 * ```ts
 * await using millrace = await startMillrace({ data: './data' })
 * const app = await millrace.run(new URL('./topology.js', import.meta.url), { threads: 2 })
 * ```
 */
export class Millrace {
  readonly ports: Ports
  /** `host:port` for Kafka clients; several, with commas between them, of a cluster of several brokers. */
  readonly address: string
  readonly #data: string
  readonly #cluster: Cluster
  readonly #client: Client
  readonly #apps: StreamsApp[] = []
  readonly #servers: HttpServer[] = []
  #connect: Promise<ConnectRuntime> | undefined
  #closing: Promise<void> | undefined

  /** @internal */
  constructor(data: string, ports: Ports, cluster: Cluster) {
    this.#data = data
    this.ports = ports
    this.#cluster = cluster
    this.address = cluster.address
    this.#client = this.newClient()
  }

  /** Over loopback, or TCP to a cluster elsewhere; shared, closed with this object. */
  get client(): Client {
    return this.#client
  }

  /** A client of one's own. */
  newClient(): Client {
    return createClient({ transport: this.#cluster.transport(), ports: this.ports })
  }

  /**
   * Runs an application in worker threads that import its module.
   *
   * @param exportName of the topology in the module
   * @throws CONFIG for a module without a topology, a misspelt option, a topic that does not exist
   */
  async run(module: URL, options: StartOptions = {}, exportName = 'default'): Promise<StreamsApp> {
    const topology = await loadTopology({ url: module.href, exportName })
    const host = workerThreadHost(this.ports, () => this.#cluster.link())
    return this.#start(topology, { url: module.href, exportName }, options, host)
  }

  /** Runs an application on the calling thread. Its functions may be closures. */
  runHere(topology: Topology, options: StartOptions = {}): Promise<StreamsApp> {
    const host = callingThreadHost(this.ports, topology, () => this.newClient())
    return this.#start(topology, undefined, { ...options, threads: 0 }, host)
  }

  /** The connectors; started at the first call, with those that ran before. */
  connect(baseDirectory = process.cwd()): Promise<ConnectRuntime> {
    this.#connect ??= ConnectRuntime.start({
      client: this.#client,
      ports: this.ports,
      connectors: bundledConnectors,
      host: threadHost({
        threads: this.ports.threads,
        module: new URL('./worker/connect-worker.js', import.meta.url),
        link: async () => this.#cluster.link(),
      }),
      baseDirectory: resolve(baseDirectory),
      address: this.address,
      environment: process.env,
    })
    return this.#connect
  }

  /** Serves the stores of the applications, and the connectors' REST where there are any. */
  async serve(address: { readonly host?: string; readonly port: number }): Promise<HttpServer> {
    const routes: HttpRoute[] = this.#apps.flatMap((app) => storeRoutes(app))
    if (this.#connect !== undefined) routes.push(...connectRoutes(await this.#connect))
    const server = await fastifyHttp.listen({ host: address.host ?? '127.0.0.1', port: address.port }, routes)
    this.#servers.push(server)
    return server
  }

  /** Applications commit, connectors finish what they hold, the engine syncs. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()))
    const connect = await this.#connect?.catch(() => undefined)
    const steps = [
      () => Promise.all([...this.#apps.map((app) => app.close()), connect?.close()]),
      () => this.#client.close(),
      () => this.#cluster.close(),
    ]
    const failures: unknown[] = []
    for (const step of steps) await step().catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures[0] // and yet the engine has synced and let go of its directory
  }

  async #start(...[topology, module, options, host]: StartArguments): Promise<StreamsApp> {
    const stateDirectory = `${this.#data}/state`
    const app = await startStreams({
      topology,
      module,
      options: { ...options, stateDirectory },
      host,
      ports: this.ports,
    })
    this.#apps.push(app)
    return app
  }
}

type StartArguments = [
  topology: Topology,
  module: Parameters<typeof startStreams>[0]['module'],
  options: StartOptions,
  host: Parameters<typeof startStreams>[0]['host'],
]

/** @throws CONFIG, DIRECTORY_IN_USE, CORRUPT_FILE, DISK_FULL, DISK_READ_ONLY: before anything is served. */
export async function startMillrace(options: MillraceOptions): Promise<Millrace> {
  refuseUnknown('millrace', options, ['data', 'listen', 'settings', 'log', 'execArgv'])
  const data = resolve(dataDirectory('millrace', options.data))
  const listen = options.listen ?? { port: 0 }
  refuseUnknown('millrace.listen', listen, ['host', 'port'])
  const ports = nodePorts(options.log ?? pinoLog('warn'), { execArgv: options.execArgv })
  const log = { syncIntervalMs: 1 }
  // The threads of an application start within this time of one another: they join in one round.
  const settings = { 'group.initial.rebalance.delay.ms': 200, ...options.settings }
  const engine = await startEngine({ directory: `${data}/log`, ports, settings, log, listen })
  return new Millrace(data, ports, embeddedCluster(engine))
}
