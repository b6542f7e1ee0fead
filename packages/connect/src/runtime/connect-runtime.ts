import { resolve } from 'node:path'
import type { Client } from '@millrace/client'
import type { Connector, RawConfig } from '@millrace/connect-api'
import { MillraceError, type Ports } from '@millrace/kernel'
import { checkConfig } from '../config/check-config.ts'
import { ConnectorRegistry } from '../config/connector-registry.ts'
import type { Environment } from '../config/env-references.ts'
import { ConfigStore, type TargetState } from '../store/config-store.ts'
import { StatusStore } from '../store/status-store.ts'
import type { ConnectWorkerHost } from '../worker/worker-host.ts'
import { type ConnectorStatus, type ConnectorWorld, ManagedConnector } from './managed-connector.ts'
import { type TaskStatus, TaskSupervisor } from './task-supervisor.ts'

export interface ConnectRuntimeOptions {
  readonly client: Client
  readonly ports: Ports
  readonly connectors: readonly Connector[]
  /** Where tasks run: `threadHost`, or `inThreadHost`. */
  readonly host: ConnectWorkerHost
  /** Absolute; relative paths in configs are taken from here. */
  readonly baseDirectory: string
  /** `host:port` where commands reach the cluster: for what is said about what to type. */
  readonly address?: string | undefined
  /** For `${env:NAME}`. @default none */
  readonly environment?: Environment | undefined
  /** @default connect-configs, connect-offsets, connect-status */
  readonly topics?: { readonly configs?: string; readonly offsets?: string; readonly status?: string } | undefined
}

/** Not found, or there already: told apart by REST. */
export class ConnectorLookupError extends MillraceError {
  override readonly name = 'ConnectorLookupError'
  readonly status: 404 | 409

  constructor(status: 404 | 409, message: string) {
    super('STATE', message)
    this.status = status
  }
}

/** Runs connectors by name. What it is told is stored before it is done, and holds after a restart of the process. */
export class ConnectRuntime {
  readonly #connectors = new Map<string, ManagedConnector>()
  readonly #configs: ConfigStore
  readonly #statuses: StatusStore
  readonly #world: ConnectorWorld
  readonly registry: ConnectorRegistry
  readonly workerId: string
  readonly clusterId: string
  /** Changes are made one after another. */
  #turn: Promise<unknown> = Promise.resolve()

  /** Reads what is stored and starts it. */
  static async start(options: ConnectRuntimeOptions): Promise<ConnectRuntime> {
    const { client, ports, topics, host } = options
    const configs = await ConfigStore.open(client, topics?.configs ?? 'connect-configs')
    const statuses = await StatusStore.open(client, topics?.status ?? 'connect-status', host.workerId, ports.log)
    const admin = client.admin()
    const { clusterId } = await admin.describeCluster().finally(() => admin.close())
    const runtime = new ConnectRuntime(options, configs, statuses, clusterId)
    for (const [name, { config, target }] of configs.all()) {
      await runtime.#add(name, config, target).start()
    }
    return runtime
  }

  constructor(options: ConnectRuntimeOptions, configs: ConfigStore, statuses: StatusStore, clusterId: string) {
    const { ports, host, baseDirectory, address } = options
    this.registry = new ConnectorRegistry(options.connectors)
    this.#configs = configs
    this.#statuses = statuses
    this.workerId = host.workerId
    this.clusterId = clusterId
    this.#world = {
      check: {
        registry: this.registry,
        environment: options.environment ?? {},
        disk: ports.disk,
        resolvePath: (path) => resolve(baseDirectory, path),
      },
      statuses,
      offsetTopic: options.topics?.offsets ?? 'connect-offsets',
      baseDirectory,
      address,
      supervise: (spec) => new TaskSupervisor(spec, host, ports, statuses),
    }
  }

  names(): readonly string[] {
    return [...this.#connectors.keys()]
  }

  /** @throws ConnectorLookupError 404 */
  get(name: string): ManagedConnector {
    const found = this.#connectors.get(name)
    if (found === undefined) throw new ConnectorLookupError(404, `Connector ${name} not found`)
    return found
  }

  /** Checks a config without starting anything. @throws ConnectorConfigError */
  check(name: string, config: RawConfig): void {
    checkConfig(name, config, this.#world.check)
  }

  /** @throws ConnectorConfigError, ConnectorLookupError 409 when the name is taken. */
  create(name: string, config: RawConfig, target: TargetState = 'STARTED'): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#connectors.has(name)) throw new ConnectorLookupError(409, `Connector ${name} already exists`)
      this.check(name, config)
      await this.#configs.putTarget(name, target)
      await this.#configs.put(name, config)
      await this.#add(name, config, target).start()
    })
  }

  /**
   * Creates or replaces. The same config again changes nothing. @returns whether it is new @throws
   * ConnectorConfigError
   */
  put(name: string, config: RawConfig): Promise<boolean> {
    return this.#inTurn(async () => {
      this.check(name, config)
      const known = this.#connectors.get(name)
      if (known !== undefined && sameJson(known.raw, config) && known.status().state !== 'FAILED') return false
      await this.#configs.put(name, config)
      if (known !== undefined) await known.replace(config)
      else await this.#add(name, config, 'STARTED').start()
      return known === undefined
    })
  }

  pause(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const connector = this.get(name)
      await this.#configs.putTarget(name, 'PAUSED')
      connector.pause()
    })
  }

  resume(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const connector = this.get(name)
      await this.#configs.putTarget(name, 'STARTED')
      await connector.resume()
    })
  }

  stop(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const connector = this.get(name)
      await this.#configs.putTarget(name, 'STOPPED')
      await connector.stop()
    })
  }

  restart(name: string, options: { readonly includeTasks: boolean; readonly onlyFailed: boolean }): Promise<void> {
    return this.#inTurn(() => this.get(name).restart(options))
  }

  restartTask(name: string, task: number): Promise<void> {
    return this.#inTurn(async () => {
      const found = this.get(name).tasks[task]
      if (found === undefined) throw new ConnectorLookupError(404, `Task ${task} of connector ${name} not found`)
      await found.restart()
    })
  }

  /** Ends its tasks and forgets it. Its positions stay, as in Kafka Connect. */
  remove(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const connector = this.get(name)
      const tasks = connector.tasks.length
      await connector.stop()
      await this.#configs.remove(name)
      this.#statuses.remove(name, tasks)
      this.#connectors.delete(name)
    })
  }

  status(): readonly ConnectorStatus[] {
    return Array.from(this.#connectors.values(), (connector) => connector.status())
  }

  /** All tasks with their counts. Reads shared memory; asks nobody. */
  progress(): readonly TaskStatus[] {
    return this.status().flatMap(({ tasks }) => tasks)
  }

  /** CPU seconds by task, where tasks have threads of their own. */
  async cpuSeconds(): Promise<ReadonlyMap<string, number>> {
    const seconds = new Map<string, number>()
    for (const connector of this.#connectors.values()) {
      for (const task of connector.tasks) {
        const used = await task.cpuSeconds()
        if (used !== undefined) seconds.set(`${connector.name}-${task.spec.task}`, used)
      }
    }
    return seconds
  }

  /** Ends all tasks in good order; they go on at the next start. */
  close(): Promise<void> {
    return this.#inTurn(async () => {
      await Promise.all(Array.from(this.#connectors.values(), (connector) => connector.halt()))
      await this.#configs.close()
      await this.#statuses.close()
    })
  }

  #add(name: string, config: RawConfig, target: TargetState): ManagedConnector {
    const connector = new ManagedConnector(name, config, target, this.#world)
    this.#connectors.set(name, connector)
    return connector
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(change)
    this.#turn = done.catch(() => undefined)
    return done
  }
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
