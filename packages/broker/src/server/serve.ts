import type { Gauge, Listener, Socket, Timer } from '@millrace/kernel'
import { configError, messageOf } from '@millrace/kernel'
import type { LoginHost } from '../auth/login.ts'
import { PasswordChecks } from '../auth/password-checks.ts'
import { TokenChecks } from '../auth/token-checks.ts'
import type { Broker } from '../broker.ts'
import { AnswerRoom } from './answer-room.ts'
import { type ConnectionHost, hostOf, ServerConnection } from './connection.ts'
import { FramePool } from './frame-pool.ts'
import { type Listen, type ListenerPlan, planListeners, settingOf } from './listener-plan.ts'
import { listenerTls } from './listener-tls.ts'
import { Refusals } from './refusals.ts'
import { RequestMemory } from './request-memory.ts'

export interface ServeOptions extends Listen {
  /** How long requests under way may take to end once the server closes. @default 1000 */
  readonly drainMs?: number | undefined
}

/** One listener that is open. */
export interface Server {
  readonly name: string
  readonly host: string
  readonly port: number
  readonly connections: number
  /** Takes no more connections and requests, answers those it has, ends. Idempotent. */
  close(): Promise<void>
}

const idleSweepMs = 10_000
const mechanismNames: ReadonlySet<string> = new Set(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'])

/** Opens one port to a broker. @throws CONFIG as `serveAll` */
export async function serve(broker: Broker, { drainMs = 1000, ...listen }: ServeOptions = {}): Promise<Server> {
  const [plan] = planListeners(broker.settings, listen)
  if (plan === undefined) throw configError('listen', 'asks for no listener', listen)
  return open(broker, plan, drainMs, boundsOf(broker))
}

/**
 * Opens every listener that `listen` or the settings ask for; none, if neither does.
 *
 * @throws CONFIG when a port is taken, a listener is not as `planListeners` has it, or its certificates cannot be used
 */
export async function serveAll(broker: Broker, listen?: Listen, drainMs = 1000): Promise<Server[]> {
  const servers: Server[] = []
  const bounds = boundsOf(broker)
  try {
    for (const plan of planListeners(broker.settings, listen)) servers.push(await open(broker, plan, drainMs, bounds))
    return servers
  } catch (error) {
    await Promise.all(servers.map((server) => server.close()))
    throw error
  }
}

/** Of all listeners together. */
interface Bounds {
  readonly memory: RequestMemory
  readonly answers: AnswerRoom
}

function boundsOf({ settings, ports }: Broker): Bounds {
  return {
    memory: new RequestMemory(settings['queued.max.request.bytes']),
    answers: new AnswerRoom(settings['queued.max.response.bytes'], ports.clock),
  }
}

async function open(broker: Broker, plan: ListenerPlan, drainMs: number, bounds: Bounds): Promise<Server> {
  const { name, host, port, protocol, advertised } = plan
  const { settings, ports } = broker
  const tls = protocol.endsWith('SSL') ? listenerTls(settings, name, ports.disk) : undefined
  const server = new Connections(broker, plan, bounds)
  // Handshakes that never end are not counted as connections; they are bounded all the same.
  const connectionsMax = 2 * settingOf(settings, name, 'max.connections')
  const listener = await ports.net.listen({ host, port, tls, connectionsMax }, (socket) => server.accept(socket))
  const renewal = tls === undefined ? undefined : renewTls(broker, plan, listener)
  server.open(advertised?.host ?? host, advertised?.port || listener.port)
  let closing: Promise<void> | undefined
  return {
    name,
    host: listener.host,
    port: listener.port,
    get connections() {
      return server.size
    },
    close() {
      renewal?.cancel()
      // The connections first: closing the listener cuts what is still open.
      closing ??= server.close(drainMs).then(() => listener.close())
      return closing
    },
  }
}

/** Looks at certificates and key now and then. New ones are taken for new connections; what is wrong leaves the old. */
function renewTls(broker: Broker, { name }: ListenerPlan, listener: Listener): { cancel(): void } {
  const { settings, ports } = broker
  let held = JSON.stringify(listenerTls(settings, name, ports.disk))
  let timer: Timer
  const look = () => {
    try {
      const now = listenerTls(settings, name, ports.disk)
      const text = JSON.stringify(now)
      if (text !== held) {
        held = text
        listener.renewTls?.(now)
        ports.log.info('certificates renewed', { listener: name })
      }
    } catch (error) {
      ports.log.error('certificates cannot be renewed; the old ones stay', { listener: name, reason: messageOf(error) })
    }
    schedule()
  }
  const schedule = () => {
    timer = ports.clock.after(settings['ssl.reload.interval.ms'], look, 'background')
  }
  schedule()
  return { cancel: () => timer.cancel() }
}

/** The connections of one listener. */
class Connections {
  readonly #broker: Broker
  readonly #host: ConnectionHost
  readonly #open = new Set<ServerConnection>()
  readonly #refusals: Refusals
  readonly #gauge: Gauge
  readonly #listener: string
  readonly #most: number
  readonly #byAddress = new Map<string, number>()
  #sweep: Timer | undefined
  #closing: Promise<void> | undefined
  #emptied: (() => void) | undefined

  constructor(broker: Broker, plan: ListenerPlan, bounds: Bounds) {
    const name = `${plan.protocol}://${plan.host}:${plan.port}`
    this.#most = settingOf(broker.settings, plan.name, 'max.connections')
    const { metrics, log, clock, random } = broker.ports
    this.#broker = broker
    // Two listeners on port 0 are two listeners.
    this.#listener = `${name}#${random.uuid()}`
    this.#gauge = metrics.gauge('millrace_broker_connections', 'Open connections', { listener: name })
    this.#refusals = new Refusals({ metrics, log, clock })
    this.#host = {
      handler: broker.handler,
      settings: broker.settings,
      listener: this.#listener,
      refusals: this.#refusals,
      frames: new FramePool(metrics, name),
      ...bounds,
      clock,
      login: plan.protocol.startsWith('SASL') ? loginHost(broker, plan.name) : undefined,
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
    const address = hostOf(socket.remote)
    const ofAddress = (this.#byAddress.get(address) ?? 0) + 1
    this.#byAddress.set(address, ofAddress)
    const mostOfAddress = this.#broker.settings['max.connections.per.ip']
    if (this.#closing !== undefined) connection.refuse('closing', 'the server is closing')
    else if (this.#open.size > this.#most) {
      connection.refuse('too-many-connections', `max.connections is ${this.#most}`)
    } else if (ofAddress > mostOfAddress) {
      connection.refuse('too-many-from-address', `max.connections.per.ip is ${mostOfAddress}`)
    }
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
    if (!this.#open.delete(connection)) return
    const address = hostOf(connection.remote)
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
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
      this.#host.frames.shrink()
      this.#scheduleSweep()
    }
    this.#sweep = clock.after(Math.min(idleMs, idleSweepMs), sweep, 'background')
  }
}

function loginHost(broker: Broker, listener: string): LoginHost {
  const { settings, ports, security } = broker
  const mechanisms = settingOf(settings, listener, 'sasl.enabled.mechanisms')
    .split(',')
    .map((name) => name.trim().toUpperCase())
  for (const name of mechanisms) {
    if (mechanismNames.has(name)) continue
    const fix = `There are: ${[...mechanismNames].join(', ')}.`
    throw configError('sasl.enabled.mechanisms', 'names a mechanism that is not offered', name, fix)
  }
  if (security.users.size === 0 && !mechanisms.includes('OAUTHBEARER')) {
    const fix = 'Make one: millrace users add NAME --data DIR, while no server runs on it.'
    ports.log.warn('nobody can log in: there are no users', { listener, fix })
  }
  return {
    mechanisms,
    users: security.users,
    checks: new PasswordChecks(security.users),
    tokens: mechanisms.includes('OAUTHBEARER') ? new TokenChecks(settings, ports) : undefined,
    clock: ports.clock,
    random: ports.random,
    reauthMs: settingOf(settings, listener, 'connections.max.reauth.ms'),
    failureDelayMs: settings['connection.failed.authentication.delay.ms'],
  }
}
