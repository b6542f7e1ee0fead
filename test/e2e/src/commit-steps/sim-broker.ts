import { type Client, createClient } from '@millrace/client'
import { type Engine, startEngine } from '@millrace/embedded'
import { MillraceError, type Ports, silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { SimDisk } from '@millrace/kernel/sim'
import type { NodeAddress, Transport } from '@millrace/protocol/internal'
import { MortalClock } from './mortal-clock.ts'
import { type Around, MortalTransport } from './mortal-transport.ts'

/** An engine on a simulated disk. Its machine may lose its power, and comes back at the same address. */
export class SimBroker {
  readonly #settings: Readonly<Record<string, string | number>>
  readonly #transports: MortalTransport[] = []
  readonly #clients: Client[] = []
  readonly #bootstrap: readonly NodeAddress[]
  #disk: SimDisk
  #engine: Engine
  #isUp = true

  static async start(settings: Readonly<Record<string, string | number>> = {}): Promise<SimBroker> {
    const disk = new SimDisk({ nowMs: () => Date.now() })
    return new SimBroker(settings, disk, await engineOn(disk, settings))
  }

  private constructor(settings: Readonly<Record<string, string | number>>, disk: SimDisk, engine: Engine) {
    this.#settings = settings
    this.#disk = disk
    this.#engine = engine
    this.#bootstrap = engine.loopback().bootstrap
  }

  transport(around?: Around): MortalTransport {
    const transport = new MortalTransport(this.#bootstrap, () => this.#reached(), around)
    this.#transports.push(transport)
    return transport
  }

  /** Of a bystander. */
  client(): Client {
    const ports = portsOn(new SimDisk())
    const client = createClient({
      transport: this.transport(),
      ports: { ...ports, clock: new MortalClock(ports.clock, haste) },
    })
    this.#clients.push(client)
    return client
  }

  /** The power goes, and comes back. What was not synced is torn as `seed` says. */
  async crash(seed: number): Promise<void> {
    const gone = this.#engine
    this.#isUp = false
    this.#disk = this.#disk.crash(seed)
    for (const transport of this.#transports) transport.cut()
    this.#engine = await engineOn(this.#disk, this.#settings)
    this.#isUp = true
    await gone.close() // it writes to a machine that is gone
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()))
    await this.#engine.close()
  }

  #reached(): Transport {
    if (!this.#isUp) throw new MillraceError('CONNECTION_REFUSED', 'the broker is starting')
    return this.#engine.loopback()
  }
}

function engineOn(disk: SimDisk, settings: Readonly<Record<string, string | number>>): Promise<Engine> {
  const own = { 'group.initial.rebalance.delay.ms': 0, 'num.partitions': 1, 'log.retention.ms': -1, ...settings }
  return startEngine({ directory: '/log', ports: portsOn(disk), settings: own })
}

/** Ports of a process of its own, on a disk. */
export function portsOn(disk: SimDisk): Ports {
  return { ...nodePorts({ log: silentLog }), disk }
}

/** Clients do not wait long for a broker to come back. */
export const haste = 10
