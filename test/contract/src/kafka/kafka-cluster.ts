import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePorts } from './free-ports.ts'
import { type KafkaJars, kafkaFolder, kafkaJars } from './kafka-jars.ts'
import { KeptProcess } from './kept-process.ts'

export interface KafkaClusterOptions {
  /** Brokers that are controllers as well. @default 1 */
  readonly nodes?: 1 | 3 | undefined
  /** Of every broker, over what we set ourselves. */
  readonly settings?: Readonly<Record<string, string | number | boolean>> | undefined
  /** Finalised at the start, for example `{ 'transaction.version': 1 }`. @default what the release finalises */
  readonly features?: Readonly<Record<string, number>> | undefined
  /** Of each Java heap. @default '512m' */
  readonly heap?: string | undefined
  /** More options of each broker's Java. */
  readonly javaOptions?: readonly string[] | undefined
  /** Called when all is formatted and the brokers are about to be started, with the list to reach them by. */
  readonly starting?: ((bootstrap: string) => void) | undefined
  /** Is told what takes long. */
  readonly report?: ((line: string) => void) | undefined
}

/** A running Apache Kafka. Its data is gone when it is stopped. */
export interface KafkaCluster {
  /** `host:port` of each broker, as clients take it. */
  readonly bootstrap: string
  readonly jars: KafkaJars
  /** Where its logs, settings and data lie: `node-<id>/`. */
  readonly directory: string
  /** Node ids, from 1. */
  readonly nodeIds: readonly number[]
  /** The process of a broker that runs; 0 for none. */
  pid(nodeId: number): number
  /** SIGKILL to one broker. */
  kill(nodeId: number): Promise<void>
  /** Starts a broker again that was killed, at its old address, and waits until it serves. */
  restart(nodeId: number): Promise<void>
  stop(): Promise<void>
}

const prefix = 'millrace-kafka-'

/**
 * Starts Apache Kafka (KRaft, every node broker and controller) on free ports of 127.0.0.1 and waits until it serves.
 * Takes some 5 s. Needs Java 17 or newer. Nothing of it outlives this process, however that ends.
 *
 * @throws with the end of a node's log when it does not start.
 */
export async function startKafka(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
  removeLeftovers()
  const jars = await kafkaJars(options.report)
  for (let attempt = 1; ; attempt++) {
    const cluster = new RunningKafka(jars, options, await freePorts((options.nodes ?? 1) * 2))
    try {
      await cluster.start()
      return cluster
    } catch (error) {
      await cluster.stop()
      // Between our look and Java's bind somebody else may have taken a port.
      const taken = error instanceof Error && /Address already in use/.test(error.message)
      if (!taken || attempt === 3) throw error
    }
  }
}

/** Folders of runs that were killed. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(prefix)) continue
    const folder = join(tmpdir(), name)
    const pid = Number(name.slice(prefix.length).split('-')[0])
    if (!isAlive(pid) && Date.now() - statSync(folder).mtimeMs > 60_000)
      rmSync(folder, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

interface Node {
  readonly id: number
  readonly client: number
  readonly controller: number
  readonly folder: string
  process: KeptProcess | undefined
}

class RunningKafka implements KafkaCluster {
  readonly jars: KafkaJars
  readonly directory = mkdtempSync(join(tmpdir(), `${prefix}${process.pid}-`))
  readonly #options: KafkaClusterOptions
  readonly #nodes: readonly Node[]

  constructor(jars: KafkaJars, options: KafkaClusterOptions, ports: readonly number[]) {
    this.jars = jars
    this.#options = options
    const count = ports.length / 2
    this.#nodes = Array.from({ length: count }, (_, i) => ({
      id: i + 1,
      client: ports[i] ?? 0,
      controller: ports[count + i] ?? 0,
      folder: join(this.directory, `node-${i + 1}`),
      process: undefined,
    }))
  }

  get bootstrap(): string {
    return this.#nodes.map(({ client }) => `127.0.0.1:${client}`).join(',')
  }

  get nodeIds(): readonly number[] {
    return this.#nodes.map(({ id }) => id)
  }

  async start(): Promise<void> {
    await this.#format()
    this.#options.starting?.(this.bootstrap)
    await Promise.all(this.#nodes.map((node) => this.#startNode(node)))
  }

  pid(nodeId: number): number {
    const { process } = this.#node(nodeId)
    return process?.running === true ? process.pid : 0
  }

  async kill(nodeId: number): Promise<void> {
    await this.#node(nodeId).process?.kill()
  }

  async restart(nodeId: number): Promise<void> {
    const node = this.#node(nodeId)
    if (node.process?.running === true) throw new Error(`node ${nodeId} is running`)
    await this.#startNode(node)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.process?.kill()))
    rmSync(this.directory, { recursive: true, force: true, maxRetries: 3 })
  }

  async #format(): Promise<void> {
    const clusterId = uuid()
    const initial = this.#nodes.map(({ id, controller }) => `${id}@127.0.0.1:${controller}:${uuid()}`).join(',')
    const features = Object.entries(this.#options.features ?? {}).flatMap(([name, level]) => [
      '--feature',
      `${name}=${level}`,
    ])
    await Promise.all(
      this.#nodes.map(async (node) => {
        mkdirSync(node.folder, { recursive: true })
        const file = join(node.folder, 'server.properties')
        writeFileSync(file, `${properties(this.#settingsOf(node))}\n`)
        const args = ['format', '-t', clusterId, '-c', file, '--initial-controllers', initial, ...features]
        const format = new KeptProcess(
          join(node.folder, 'format.log'),
          this.#java('128m', 'kafka.tools.StorageTool', args),
        )
        if ((await format.ended()) !== 0) throw new Error(`node ${node.id} cannot be formatted:\n${format.output}`)
      }),
    )
  }

  async #startNode(node: Node): Promise<void> {
    const heap = this.#options.heap ?? '512m'
    const file = join(node.folder, 'server.properties')
    const server = new KeptProcess(
      join(node.folder, 'server.log'),
      this.#java(heap, 'kafka.Kafka', [file], this.#options.javaOptions),
    )
    const from = server.output.length
    node.process = server
    await server.until(/Kafka Server started/, from)
  }

  #java(heap: string, mainClass: string, args: readonly string[], more: readonly string[] = []): string[] {
    const logging = `-Dlog4j2.configurationFile=${join(kafkaFolder, 'log4j2.properties')}`
    const classPath = join(this.jars.folder, '*')
    return [
      `-Xmx${heap}`,
      '-XX:+UseG1GC',
      '-Djava.awt.headless=true',
      logging,
      ...more,
      '-cp',
      classPath,
      mainClass,
      ...args,
    ]
  }

  #settingsOf({ id, client, controller, folder }: Node): Record<string, string | number | boolean> {
    const replicas = this.#nodes.length
    const inSync = replicas === 1 ? 1 : 2
    return {
      'process.roles': 'broker,controller',
      'node.id': id,
      listeners: `PLAINTEXT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${controller}`,
      'advertised.listeners': `PLAINTEXT://127.0.0.1:${client},CONTROLLER://127.0.0.1:${controller}`,
      'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      'inter.broker.listener.name': 'PLAINTEXT',
      'controller.listener.names': 'CONTROLLER',
      'controller.quorum.bootstrap.servers': this.#nodes.map((node) => `127.0.0.1:${node.controller}`).join(','),
      'log.dirs': join(folder, 'data'),
      'default.replication.factor': replicas,
      'min.insync.replicas': inSync,
      'offsets.topic.replication.factor': replicas,
      'transaction.state.log.replication.factor': replicas,
      'transaction.state.log.min.isr': inSync,
      'share.coordinator.state.topic.replication.factor': replicas,
      'share.coordinator.state.topic.min.isr': inSync,
      ...this.#options.settings,
    }
  }

  #node(nodeId: number): Node {
    const node = this.#nodes.find(({ id }) => id === nodeId)
    if (node === undefined) throw new Error(`there is no node ${nodeId}`)
    return node
  }
}

function properties(settings: Readonly<Record<string, string | number | boolean>>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}`)
    .join('\n')
}

/** Kafka's text of a random id. The first character is a letter: a leading dash would look like an option. */
function uuid(): string {
  for (;;) {
    const text = randomBytes(16).toString('base64url')
    if (/^[A-Za-z]/.test(text)) return text
  }
}
