import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient, tcpTransport } from '@millrace/client'
import type { Clock, Ports } from '@millrace/kernel'
import { type Engine, startEngine } from '../src/index.ts'
import { testPorts } from './cluster-under-test.ts'
import { HostileProxy } from './hostile-proxy.ts'

/** Pauses before another attempt, and time limits, are over so many times sooner. */
const haste = 10

/**
 * A broker behind a hostile network, and clients that know it by the network's address alone. By hand it may be another
 * broker: `MILLRACE_HOSTILE=<port>:<host>:<port>` is where the network listens, which that broker has to advertise, and where
 * the broker is.
 */
export class HostileCluster {
  readonly network: HostileProxy
  readonly #engine: Engine | undefined
  readonly #directory: string
  readonly #clients: Client[] = []

  static async start(settings: Readonly<Record<string, string | number | boolean>> = {}): Promise<HostileCluster> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-hostile-'))
    const [own, host, port] = process.env['MILLRACE_HOSTILE']?.split(':') ?? []
    if (host !== undefined) {
      const network = await HostileProxy.start({ host, port: Number(port) }, Number(own))
      return new HostileCluster(network, undefined, directory)
    }
    const network = await HostileProxy.start()
    const engine = await startEngine({
      directory,
      ports: testPorts(),
      settings: { 'group.initial.rebalance.delay.ms': 0, 'group.min.session.timeout.ms': 100, ...settings },
      log: { syncAcksAll: false },
      listen: { port: 0, advertised: { host: '127.0.0.1', port: network.port } },
    })
    network.target = { host: '127.0.0.1', port: engine.listening!.port }
    return new HostileCluster(network, engine, directory)
  }

  private constructor(network: HostileProxy, engine: Engine | undefined, directory: string) {
    this.network = network
    this.#engine = engine
    this.#directory = directory
  }

  client(): Client {
    const ports: Ports = { ...testPorts(), clock: hasty(testPorts().clock) }
    const transport = tcpTransport({ bootstrap: [`127.0.0.1:${this.network.port}`], ports })
    const client = createClient({ transport, ports })
    this.#clients.push(client)
    return client
  }

  async stop(): Promise<void> {
    this.network.hostility = 0
    this.network.refusing = false
    await Promise.all(this.#clients.map((client) => client.close().catch(() => undefined)))
    await this.network.stop()
    await this.#engine?.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

function hasty(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs() * haste,
    after: (delayMs, callback, background) => clock.after(delayMs / haste, callback, background),
    sleep: (delayMs, signal) => clock.sleep(delayMs / haste, signal),
    turn: () => clock.turn(),
  }
}
