import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient, type SaslOptions, tcpTransport } from '@millrace/client'
import { type Clock, type Ports, silentLog, type TlsOptions } from '@millrace/kernel'
import { memoryMetrics } from '@millrace/kernel/node'
import {
  type ApiName,
  type Connection,
  fill,
  type RequestOf,
  type ResponseOf,
  type ScramMechanism,
  saltedPassword,
  scramMechanisms,
} from '@millrace/protocol/internal'
import { type Engine, type EngineOptions, startEngine } from '../src/index.ts'
import { testPorts } from './cluster-under-test.ts'

/** An engine on a directory of its own, and logged-in connections to its listeners. */
export class SecureEngine {
  readonly metrics = memoryMetrics()
  readonly ports: Ports
  /** What the broker has written to its log. */
  readonly logged: string[] = []
  readonly directory = mkdtempSync(join(tmpdir(), 'millrace-secure-'))
  readonly #settings: EngineOptions['settings']
  readonly #open: { close(): Promise<void> }[] = []
  #engine: Engine | undefined

  constructor(settings: EngineOptions['settings']) {
    this.#settings = settings
    const note = (message: string) => void this.logged.push(message)
    const log = { ...silentLog, info: note, warn: note, error: note, child: () => log }
    this.ports = { ...testPorts(), metrics: this.metrics, log }
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error('not started')
    return this.#engine
  }

  async start(): Promise<this> {
    this.#engine = await startEngine({ directory: this.directory, ports: this.ports, settings: this.#settings })
    return this
  }

  port(listener = 'SASL_PLAINTEXT'): number {
    const found = this.engine.listeners.find(({ name }) => name === listener)
    if (found === undefined) throw new Error(`no listener ${listener}`)
    return found.port
  }

  /** A user with credentials for both mechanisms, as an administrator in this process makes one. */
  async addUser(name: string, password: string): Promise<void> {
    const upsertions = []
    for (const mechanism of Object.keys(scramMechanisms) as ScramMechanism[]) {
      const salt = this.ports.random.bytes(16)
      const salted = await saltedPassword(mechanism, password, salt, 4096)
      const number = scramMechanisms[mechanism].wire
      upsertions.push({ name, mechanism: number, iterations: 4096, salt, saltedPassword: salted })
    }
    const answer = await this.inProcess('alterUserScramCredentials', { deletions: [], upsertions })
    for (const { errorCode, errorMessage } of answer.results) if (errorCode !== 0) throw new Error(`${errorMessage}`)
  }

  async inProcess<A extends ApiName>(api: A, request: RequestOf<A>): Promise<ResponseOf<A>> {
    const transport = this.engine.loopback()
    const connection = await transport.connect(transport.bootstrap[0]!)
    try {
      return await connection.send(api, request)
    } finally {
      await connection.close()
    }
  }

  async connect(of: Login = {}): Promise<Connection> {
    const transport = this.#transport(of)
    const connection = await transport.connect(transport.bootstrap[0]!)
    this.#open.push(connection)
    return connection
  }

  client(of: Login = {}): Client {
    const client = createClient({ transport: this.#transport(of), ports: this.ports })
    this.#open.push(client)
    return client
  }

  refused(reason: string): number {
    return this.metrics.snapshot().get(`millrace_broker_connections_refused_total{reason="${reason}"}`) ?? 0
  }

  async stopEngine(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((one) => one.close().catch(() => {})))
    await this.#engine?.close()
    this.#engine = undefined
  }

  async stop(): Promise<void> {
    await this.stopEngine()
    rmSync(this.directory, { recursive: true, force: true })
  }

  #transport({ listener, tls, sasl, host = '127.0.0.1', clock = this.ports.clock }: Login) {
    const ports = { ...this.ports, clock }
    return tcpTransport({ bootstrap: [`${host}:${this.port(listener)}`], ports, tls, sasl })
  }
}

export interface Login {
  readonly listener?: string
  readonly host?: string
  readonly tls?: TlsOptions
  readonly sasl?: SaslOptions
  /** Of the client. */
  readonly clock?: Clock
}

export function plain(username: string, password: string): SaslOptions {
  return { mechanism: 'plain', username, password }
}

export function scram(username: string, password: string, bits: 256 | 512 = 256): SaslOptions {
  return { mechanism: `scram-sha-${bits}`, username, password }
}

/** Its timers fire ten times too early, so that how busy the machine is does not matter. */
export function hasty(clock: Clock): Clock {
  return { ...clock, after: (ms, callback, kind) => clock.after(ms / 10, callback, kind) }
}

export const everyTopic = fill('metadata', 'request', { topics: null })
