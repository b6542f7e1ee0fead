import { configError, type Gauge, type Socket, type Timer, type TlsOptions } from '@millrace/kernel'
import type { Broker } from '../broker.ts'
import { type ConnectionHost, ServerConnection } from './connection.ts'
import { Refusals } from './refusals.ts'

export interface ServeOptions {
  /** @default '127.0.0.1' */
  readonly host?: string | undefined
  /** 0 picks a free one. @default 9092 */
  readonly port?: number | undefined
  /** Under which address clients reach this port, where it is not `host` and `port`. */
  readonly advertised?: { readonly host: string; readonly port?: number | undefined } | undefined
  readonly tls?: TlsOptions | undefined
  /** How long requests under way may take to end once the server closes. @default 1000 */
  readonly drainMs?: number | undefined
}

export interface Server {
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Takes no more connections and requests, answers those it has, ends. Idempotent. */
  close(): Promise<void>
}

const everywhere: ReadonlySet<string> = new Set(['0.0.0.0', '::'])
const idleSweepMs = 10_000

/**
 * Opens a port to a broker.
 *
 * @throws CONFIG when the port is taken, or for a host that stands for all addresses without one to advertise.
 */
export async function serve(broker: Broker, options: ServeOptions = {}): Promise<Server> {
  const { host = '127.0.0.1', port = 9092, advertised, tls, drainMs = 1000 } = options
  if (everywhere.has(host) && advertised === undefined) {
    throw configError(
      'advertised',
      'is needed when listening on every address',
      host,
      'Say under which name clients reach it.',
    )
  }
  const server = new Connections(broker, `${tls === undefined ? 'PLAINTEXT' : 'SSL'}://${host}:${port}`)
  const listener = await broker.ports.net.listen({ host, port, tls }, (socket) => server.accept(socket))
  server.open(advertised?.host ?? host, advertised?.port ?? listener.port)
  let closing: Promise<void> | undefined
  return {
    host: listener.host,
    port: listener.port,
    get connections() {
      return server.size
    },
    close() {
      // The connections first: closing the listener cuts what is still open.
      closing ??= server.close(drainMs).then(() => listener.close())
      return closing
    },
  }
}

/** The connections of one listener. */
class Connections {
  readonly #broker: Broker
  readonly #host: ConnectionHost
  readonly #open = new Set<ServerConnection>()
  readonly #refusals: Refusals
  readonly #gauge: Gauge
  readonly #listener: string
  #sweep: Timer | undefined
  #closing: Promise<void> | undefined
  #emptied: (() => void) | undefined

  constructor(broker: Broker, name: string) {
    const { metrics, log, clock, random } = broker.ports
    this.#broker = broker
    // Two listeners on port 0 are two listeners.
    this.#listener = `${name}#${random.uuid()}`
    this.#gauge = metrics.gauge('millrace_broker_connections', 'Open connections', { listener: name })
    this.#refusals = new Refusals(metrics, log)
    this.#host = {
      handler: broker.handler,
      settings: broker.settings,
      listener: this.#listener,
      refusals: this.#refusals,
      nowMs: () => clock.monotonicMs(),
      ended: (connection) => this.#ended(connection),
    }
  }

  get size(): number {
    return this.#open.size
  }

  open(host: string, port: number): void {
    this.#broker.endpoints.add(this.#listener, { host, port })
    this.#scheduleSweep()
  }

  accept(socket: Socket): ServerConnection {
    const connection = new ServerConnection(socket, this.#host)
    this.#open.add(connection)
    this.#gauge.set(this.#open.size)
    if (this.#closing !== undefined) connection.refuse('closing', 'the server is closing')
    const most = this.#broker.settings['max.connections']
    if (this.#open.size > most) connection.refuse('too-many-connections', `max.connections is ${most}`)
    return connection
  }

  close(drainMs: number): Promise<void> {
    this.#closing ??= this.#drain(drainMs)
    return this.#closing
  }

  async #drain(drainMs: number): Promise<void> {
    this.#sweep?.cancel()
    const emptied = new Promise<void>((resolve) => {
      this.#emptied = resolve
    })
    for (const connection of [...this.#open]) connection.drain()
    const deadline = this.#broker.ports.clock.after(drainMs, () => {
      for (const connection of [...this.#open]) connection.refuse('drain-timeout', `after ${drainMs} ms`)
    })
    if (this.#open.size > 0) await emptied
    deadline.cancel()
    this.#broker.endpoints.remove(this.#listener)
  }

  #ended(connection: ServerConnection): void {
    this.#open.delete(connection)
    this.#gauge.set(this.#open.size)
    if (this.#open.size === 0) this.#emptied?.()
  }

  #scheduleSweep(): void {
    const { clock } = this.#broker.ports
    const idleMs = this.#broker.settings['connections.max.idle.ms']
    const sweep = () => {
      const oldest = clock.monotonicMs() - idleMs
      for (const connection of [...this.#open]) {
        if (connection.dormant && connection.lastActiveMs < oldest) connection.refuse('idle', `for ${idleMs} ms`)
      }
      this.#scheduleSweep()
    }
    this.#sweep = clock.after(Math.min(idleMs, idleSweepMs), sweep, 'background')
  }
}
