import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, createClient } from '@millrace/client'
import { type Engine, startEngine } from '@millrace/embedded'
import { silentLog } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { lmdbEngine } from '@millrace/store'
import {
  runStreamThread,
  type StreamsApp,
  type StreamsOptions,
  type StreamThreadHost,
  startStreams,
  type Topology,
} from '@millrace/streams/internal'
import { freePorts } from '@millrace/test-contract'
import { ClusterRoom } from './cluster-room.ts'

export type { InputRecord, SeenRecord } from './cluster-room.ts'

export interface RunOptions extends Partial<StreamsOptions> {
  /** Below the room's directory. @default 'state' */
  readonly state?: string
  /** Stream threads, on the test's own thread. @default 1 */
  readonly hosted?: number
  /** What a stream thread reaches the brokers by. @default a client over loopback */
  readonly client?: () => Client
}

const settings = {
  'group.min.session.timeout.ms': 500,
  'group.initial.rebalance.delay.ms': 0,
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 500,
}

/** An engine that listens on TCP, in a directory of its own, where stream applications run on the test's thread. */
export class StreamsRoom extends ClusterRoom {
  engine: Engine

  private constructor(directory: string, engine: Engine) {
    super((ports) => createClient({ transport: engine.loopback(), ports }), directory)
    this.engine = engine
  }

  static async open(): Promise<StreamsRoom> {
    const directory = mkdtempSync(join(tmpdir(), 'streams-'))
    const ports = nodePorts({ log: silentLog })
    const [port = 0] = await freePorts(1)
    const engine = await startEngine({ directory: join(directory, 'log'), ports, settings, listen: { port } })
    return new StreamsRoom(directory, engine)
  }

  /**
   * The broker goes and comes back at the same address, which nobody else is given meanwhile. Applications on the test's own
   * thread lose it for good.
   */
  async restartEngine(whileAway: () => Promise<void> = async () => {}): Promise<void> {
    const port = this.engine.listening?.port ?? 0
    await this.client.close()
    await this.engine.close()
    await whileAway()
    const { directory, ports } = this
    this.engine = await startEngine({ directory: join(directory, 'log'), ports, settings, listen: { port } })
    this.client = createClient({ transport: this.engine.loopback(), ports })
  }

  get address(): string {
    const { host, port } = this.engine.listening ?? { host: '', port: 0 }
    return `${host}:${port}`
  }

  /** Runs a topology on this thread. Its functions may be closures of the test. */
  async run(
    topology: Topology,
    { state = 'state', hosted = 1, client, ...options }: RunOptions = {},
  ): Promise<StreamsApp> {
    const app = await startStreams({
      topology,
      module: { url: 'test:', exportName: 'default' },
      options: {
        stateDirectory: join(this.directory, state),
        threads: hosted,
        commitIntervalMs: 100,
        sessionTimeoutMs: 2000,
        ...options,
      },
      host: this.#host(topology, client),
      ports: this.ports,
    })
    this.apps.push(app)
    return app
  }

  protected override closeBrokers(): Promise<void> {
    return this.engine.close()
  }

  #host(topology: Topology, reach: RunOptions['client']): StreamThreadHost {
    const { ports, engine } = this
    return {
      start(data) {
        const { near, far } = ports.threads.channel()
        const port = ports.threads.adopt(far)
        const client = reach?.() ?? createClient({ transport: engine.loopback(), ports })
        const stores = lmdbEngine({ disk: ports.disk })
        const ended = runStreamThread({ data, port, client, ports, engine: stores, topology }).then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? error : new Error(String(error))),
        )
        return {
          port: near,
          ended: ended.finally(() => port.close()),
          async terminate() {
            near.post({ type: 'stop' })
            await ended
          },
          cpuSeconds: async () => undefined,
        }
      },
    }
  }
}
