import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Client, type ClientOptions, createClient, type PolledBatch, tcpTransport } from '@millrace/client'
import type { Ports } from '@millrace/kernel'
import { nodeLog, nodePorts } from '@millrace/kernel/node'
import { BatchCursor } from '@millrace/record/internal'
import { type Engine, type EngineOptions, startEngine, threadTransport } from '../src/index.ts'

export const transports = ['loopback', 'thread', 'tcp'] as const
export type TransportName = (typeof transports)[number]

export function testPorts(): Ports {
  return nodePorts({ log: nodeLog({ level: 'error' }) })
}

/** An engine on a directory of its own that can be stopped and started again, and clients to it over one transport. */
export class ClusterUnderTest {
  readonly ports = testPorts()
  readonly directory = mkdtempSync(join(tmpdir(), 'millrace-'))
  readonly transport: TransportName
  engine: Engine
  readonly #options: Pick<EngineOptions, 'settings' | 'log'>
  readonly #clients: Client[] = []
  #port: number

  static async start(
    transport: TransportName,
    options: Pick<EngineOptions, 'settings' | 'log'> = {},
  ): Promise<ClusterUnderTest> {
    const cluster = new ClusterUnderTest(transport, options)
    await cluster.startEngine()
    return cluster
  }

  private constructor(transport: TransportName, options: Pick<EngineOptions, 'settings' | 'log'>) {
    this.transport = transport
    this.#options = { ...options, settings: { 'group.initial.rebalance.delay.ms': 0, ...options.settings } }
    this.#port = 0
    this.engine = notStarted
  }

  async startEngine(): Promise<void> {
    const listen = { port: this.#port }
    this.engine = await startEngine({ directory: this.directory, ports: this.ports, listen, ...this.#options })
    this.#port = this.engine.listening?.port ?? 0
  }

  client(options: Pick<ClientOptions, 'metadataMaxAgeMs'> = {}): Client {
    const { ports } = this
    const client = createClient({ transport: this.#transport(), ports, ...options })
    this.#clients.push(client)
    return client
  }

  #transport() {
    if (this.transport === 'loopback') return this.engine.loopback()
    if (this.transport === 'thread') return threadTransport(this.engine.threadLink().data, this.ports)
    return tcpTransport({ bootstrap: [`127.0.0.1:${this.#port}`], ports: this.ports })
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close().catch(() => undefined)))
    await this.engine.close()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

const notStarted: Engine = {
  listening: undefined,
  listeners: [],
  loopback: () => {
    throw new Error('not started')
  },
  threadLink: () => {
    throw new Error('not started')
  },
  close: async () => {},
}

export interface ReadRecord {
  readonly partition: number
  readonly offset: number
  readonly key: string | null
  readonly value: string | null
}

const cursor = new BatchCursor()

/** The records of batches from their position on. */
export function recordsOf(batches: readonly PolledBatch[]): ReadRecord[] {
  const records: ReadRecord[] = []
  for (const { batch, from, partition } of batches) {
    cursor.open(batch)
    while (cursor.next()) {
      if (cursor.offset < from) continue
      const { bytes, keyFrom, keyTo, valueFrom, valueTo, offset } = cursor
      records.push({
        partition,
        offset,
        key: keyFrom < 0 ? null : bytes.toString('utf8', keyFrom, keyTo),
        value: valueFrom < 0 ? null : bytes.toString('utf8', valueFrom, valueTo),
      })
    }
  }
  return records
}
