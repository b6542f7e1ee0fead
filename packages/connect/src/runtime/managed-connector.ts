import type { Connector, ConnectorAlias, RawConfig } from '@millrace/connect-api'
import { type CheckedConfig, type CheckWorld, checkConfig } from '../config/check-config.ts'
import { withoutSecrets } from '../config/env-references.ts'
import type { TargetState } from '../store/config-store.ts'
import type { ConnectState, StatusStore } from '../store/status-store.ts'
import { failed } from '../task/run-task.ts'
import type { TaskSpec } from '../task/task-spec.ts'
import type { TaskStatus, TaskSupervisor } from './task-supervisor.ts'

/** What a connector needs of its runtime. */
export interface ConnectorWorld {
  readonly check: CheckWorld
  readonly statuses: StatusStore
  readonly offsetTopic: string
  readonly baseDirectory: string
  readonly address: string | undefined
  supervise(spec: TaskSpec): TaskSupervisor
}

export interface ConnectorStatus {
  readonly name: string
  readonly type: 'source' | 'sink' | 'unknown'
  readonly state: ConnectState
  readonly trace: string | undefined
  readonly tasks: readonly TaskStatus[]
}

/** A connector with its config, what it is meant to do, and its tasks. */
export class ManagedConnector {
  readonly name: string
  readonly #world: ConnectorWorld
  #raw: RawConfig
  #target: TargetState
  #tasks: readonly TaskSupervisor[] = []
  #state: ConnectState = 'UNASSIGNED'
  #trace: string | undefined

  constructor(name: string, raw: RawConfig, target: TargetState, world: ConnectorWorld) {
    this.name = name
    this.#raw = raw
    this.#target = target
    this.#world = world
  }

  get target(): TargetState {
    return this.#target
  }

  get raw(): RawConfig {
    return this.#raw
  }

  get connector(): Connector | undefined {
    const found = this.#world.check.registry.find(this.#raw)
    return 'problem' in found ? undefined : found.connector
  }

  get tasks(): readonly TaskSupervisor[] {
    return this.#tasks
  }

  /** The config as it may be shown. */
  shownConfig(): RawConfig {
    const { connector } = this
    const aliases: readonly ConnectorAlias[] = connector?.aliases ?? []
    // Under an alias's names a secret has another name too: hide by both.
    const properties = { ...connector?.config.properties }
    for (const { options } of aliases) {
      for (const [theirs, ours] of Object.entries(options)) {
        const option = properties[ours]
        if (option !== undefined) properties[theirs] = option
      }
    }
    return { ...withoutSecrets(this.#raw, { properties }), name: this.name }
  }

  status(): ConnectorStatus {
    return {
      name: this.name,
      type: this.connector?.kind ?? 'unknown',
      state: this.#state,
      trace: this.#trace,
      tasks: this.#tasks.map((task) => task.status()),
    }
  }

  /**
   * Starts what the target state asks for. A config that is no longer valid makes the connector FAILED, not the
   * runtime.
   */
  async start(): Promise<void> {
    if (this.#target === 'STOPPED') {
      this.#become('STOPPED')
      return
    }
    let checked: CheckedConfig
    try {
      checked = checkConfig(this.name, this.#raw, this.#world.check)
    } catch (error) {
      const end = failed(error, [])
      this.#trace = end.type === 'failed' ? end.message : undefined
      this.#become('FAILED')
      return
    }
    this.#trace = undefined
    this.#tasks = this.#specsOf(checked).map((spec) => this.#world.supervise(spec))
    for (const task of this.#tasks) {
      if (this.#target === 'PAUSED') task.pause()
      task.start()
    }
    this.#become(this.#target === 'PAUSED' ? 'PAUSED' : 'RUNNING')
  }

  async replace(raw: RawConfig): Promise<void> {
    await this.halt()
    this.#raw = raw
    await this.start()
  }

  pause(): void {
    this.#target = 'PAUSED'
    for (const task of this.#tasks) task.pause()
    if (this.#state === 'RUNNING') this.#become('PAUSED')
  }

  async resume(): Promise<void> {
    const stopped = this.#target === 'STOPPED'
    this.#target = 'STARTED'
    if (stopped) {
      await this.start()
      return
    }
    for (const task of this.#tasks) task.resume()
    if (this.#state === 'PAUSED') this.#become('RUNNING')
  }

  /** Tasks end, the config stays. */
  async stop(): Promise<void> {
    this.#target = 'STOPPED'
    await this.halt()
    this.#become('STOPPED')
  }

  async restart(options: { readonly includeTasks: boolean; readonly onlyFailed: boolean }): Promise<void> {
    if (this.#target === 'STOPPED') return
    if (!options.onlyFailed || this.#state === 'FAILED') {
      if (this.#tasks.length === 0) await this.start()
    }
    if (!options.includeTasks) return
    const tasks = this.#tasks.filter((task) => !options.onlyFailed || task.status().state === 'FAILED')
    await Promise.all(tasks.map((task) => task.restart()))
  }

  /** Ends the tasks without touching the target state: for the end of the process and for a new config. */
  async halt(): Promise<void> {
    await Promise.all(this.#tasks.map((task) => task.stop()))
    this.#tasks = []
  }

  #specsOf({ connector, config, secrets }: CheckedConfig): TaskSpec[] {
    const max = Number(config['tasks.max'])
    const spec = (task: number, own: TaskSpec['config']): TaskSpec => ({
      connector: this.name,
      kind: connector.name,
      task,
      config: own,
      secrets,
      offsetTopic: this.#world.offsetTopic,
      baseDirectory: this.#world.baseDirectory,
      address: this.#world.address,
    })
    if (connector.kind === 'sink') return Array.from({ length: max }, (_, task) => spec(task, config))
    const divided = connector.tasks?.(config, max) ?? [config]
    return divided.slice(0, max).map((own, task) => spec(task, isConfig(own) ? own : config))
  }

  #become(state: ConnectState): void {
    if (state === this.#state) return
    this.#state = state
    this.#world.statuses.connector(this.name, state, this.#trace)
  }
}

function isConfig(value: unknown): value is TaskSpec['config'] {
  return typeof value === 'object' && value !== null
}
