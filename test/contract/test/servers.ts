import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Engine, startEngine } from '@millrace/embedded'
import type { Ports } from '@millrace/kernel'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import { inject } from 'vitest'

/** One of the two the contract is held against. */
export interface ServerUnderTest {
  readonly name: 'millrace' | 'kafka'
  /** `host:port` */
  readonly address: string
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Where Apache Kafka listens in this run; undefined in a run on our broker alone. */
    kafka: string | undefined
    /** Record the answers of Apache Kafka anew. */
    recordsAnew: boolean | undefined
  }
}

/** What both are started with: so that a test need not wait for what a server does once in minutes or days. */
export const bothSettings = {
  'node.id': 1,
  'group.initial.rebalance.delay.ms': 0,
  'group.min.session.timeout.ms': 500,
  'offsets.topic.num.partitions': 4,
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': 200,
  'transaction.state.log.num.partitions': 4,
  'log.cleaner.backoff.ms': 200,
  'log.retention.check.interval.ms': 500,
  'log.initial.task.delay.ms': 500,
} as const

/** Of both servers, over `bothSettings`. */
export type ServerSettings = Readonly<Record<string, number | boolean>>

/** Our broker over TCP on a free port, with a directory of its own. */
export class OurServer implements ServerUnderTest {
  readonly name = 'millrace'
  readonly ports: Ports = nodePorts({ log: nodeLog({ level: 'error' }) })
  readonly #engine: Engine
  readonly #directory: string

  private constructor(engine: Engine, directory: string) {
    this.#engine = engine
    this.#directory = directory
  }

  static async start(settings: ServerSettings = {}): Promise<OurServer> {
    const directory = mkdtempSync(join(tmpdir(), 'millrace-contract-'))
    const ports = nodePorts({ log: nodeLog({ level: 'error' }) })
    const engine = await startEngine({
      directory,
      ports,
      settings: { ...bothSettings, ...settings },
      listen: { port: 0 },
    })
    return new OurServer(engine, directory)
  }

  get address(): string {
    return `127.0.0.1:${this.#engine.listening?.port}`
  }

  async stop(): Promise<void> {
    await this.#engine.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** Apache Kafka of this run, if it is one of both. */
export function kafkaServer(): ServerUnderTest | undefined {
  const address = inject('kafka')
  return address === undefined ? undefined : { name: 'kafka', address }
}
