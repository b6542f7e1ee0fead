import type { Log, Ports, Timer } from '@millrace/kernel'
import type { ConnectState, StatusStore } from '../store/status-store.ts'
import { BackOff } from '../task/back-off.ts'
import { failed } from '../task/run-task.ts'
import { TaskCounters, type TaskCounts } from '../task/task-counters.ts'
import { numberOption } from '../task/task-environment.ts'
import type { TaskEnd, TaskEvent, TaskSpec } from '../task/task-spec.ts'
import type { ConnectWorkerHost, RunningTask } from '../worker/worker-host.ts'

/** What is known of a task. */
export interface TaskStatus {
  readonly connector: string
  readonly task: number
  readonly state: ConnectState
  /** A source has read everything there will ever be. */
  readonly completed: boolean
  readonly trace: string | undefined
  /** Why it failed, is retrying or waits for a topic, in one line. */
  readonly reason: string | undefined
  readonly retryingSinceMs: number | undefined
  /** When a failed task starts again by itself; wall clock. */
  readonly restartsAtMs: number | undefined
  readonly restarts: number
  readonly counts: TaskCounts
}

/** A run this long clears the count of failures. */
const healthyRunMs = 60_000

/**
 * Keeps one task alive.
 *
 *   UNASSIGNED → RUNNING ⇄ PAUSED → STOPPED (told to, or completed)
 *        ↑          ↓
 *   RESTARTING ← FAILED (after a pause that doubles; or at once, when asked)
 */
export class TaskSupervisor {
  readonly spec: TaskSpec
  readonly counters = new TaskCounters()
  readonly #host: ConnectWorkerHost
  readonly #ports: Ports
  readonly #log: Log
  readonly #statuses: StatusStore
  readonly #backOff: BackOff
  readonly #restartMax: number
  #state: ConnectState = 'UNASSIGNED'
  #completed = false
  #trace: string | undefined
  #reason: string | undefined
  #waitingFor: string | undefined
  #retryingSinceMs: number | undefined
  #restartsAtMs: number | undefined
  #restarts = 0
  #startedMs = 0
  #running: RunningTask | undefined
  #endedCpuSeconds: number | undefined
  #timer: Timer | undefined
  #wanted = false
  #paused = false
  #life: Promise<void> = Promise.resolve()

  constructor(spec: TaskSpec, host: ConnectWorkerHost, ports: Ports, statuses: StatusStore) {
    this.spec = spec
    this.#host = host
    this.#ports = ports
    this.#statuses = statuses
    this.#log = ports.log.child({ connector: spec.connector, task: spec.task })
    this.#backOff = new BackOff(1000, numberOption(spec, 'restart.delay.max.ms') ?? 60_000, ports.random)
    this.#restartMax = numberOption(spec, 'restart.max') ?? -1
  }

  status(): TaskStatus {
    return {
      connector: this.spec.connector,
      task: this.spec.task,
      state: this.#state,
      completed: this.#completed,
      trace: this.#trace,
      reason: this.#reason ?? this.#waitingFor,
      retryingSinceMs: this.#retryingSinceMs,
      restartsAtMs: this.#restartsAtMs,
      restarts: this.#restarts,
      counts: this.counters.read(),
    }
  }

  /** Of all its runs. */
  async cpuSeconds(): Promise<number | undefined> {
    const now = await this.#running?.cpuSeconds()
    return now === undefined ? this.#endedCpuSeconds : (this.#endedCpuSeconds ?? 0) + now
  }

  start(): void {
    this.#wanted = true
    this.#timer?.cancel()
    this.#restartsAtMs = undefined
    if (this.#running === undefined) this.#life = this.#life.then(() => this.#run())
  }

  pause(): void {
    this.#paused = true
    this.#running?.pause()
  }

  resume(): void {
    this.#paused = false
    this.#running?.resume()
  }

  /** Resolves when the task has ended; after `graceMs` it is ended without asking. */
  async stop(graceMs = 10_000): Promise<void> {
    this.#wanted = false
    this.#timer?.cancel()
    this.#restartsAtMs = undefined
    const running = this.#running
    running?.stop()
    if (running !== undefined) {
      const timer = this.#ports.clock.after(graceMs, () => {
        this.#log.warn('the task did not stop in time and is ended', { graceMs })
        running.terminate().catch(() => undefined)
      })
      await this.#life
      timer.cancel()
    } else await this.#life
    if (this.#state !== 'FAILED') this.#become('STOPPED')
  }

  async restart(): Promise<void> {
    const paused = this.#paused
    await this.stop()
    this.#backOff.reset()
    this.#become('RESTARTING')
    this.#paused = paused
    this.start()
  }

  async #run(): Promise<void> {
    if (!this.#wanted) return
    this.#completed = false
    this.#startedMs = this.#ports.clock.monotonicMs()
    let end: TaskEnd
    try {
      const running = await this.#host.start(this.spec, this.counters, (event) => this.#onEvent(event))
      this.#running = running
      if (this.#paused) running.pause()
      if (!this.#wanted) running.stop()
      end = await running.ended
      const used = await running.cpuSeconds()
      this.#running = undefined
      if (used !== undefined) this.#endedCpuSeconds = (this.#endedCpuSeconds ?? 0) + used
    } catch (error) {
      end = failed(error, this.spec.secrets)
    }
    this.#running = undefined
    this.#waitingFor = undefined
    this.#retryingSinceMs = undefined
    this.counters.set('retryingSinceMs', 0)
    if (end.type === 'failed') this.#onFailed(end.message, end.trace)
    else {
      this.#completed = end.type === 'completed'
      this.#reason = undefined
      this.#trace = undefined
      if (this.#completed) this.#log.info('the task has read everything')
      this.#become('STOPPED')
    }
  }

  #onFailed(message: string, trace: string): void {
    this.#trace = trace
    this.#reason = message
    if (this.#ports.clock.monotonicMs() - this.#startedMs >= healthyRunMs) this.#backOff.reset()
    const again = this.#wanted && (this.#restartMax < 0 || this.#backOff.tries < this.#restartMax)
    if (!again) {
      this.#log.error('the task has failed', { reason: message })
      this.#become('FAILED')
      return
    }
    const delayMs = this.#backOff.nextMs()
    this.#restartsAtMs = this.#ports.clock.nowMs() + delayMs
    this.#log.error('the task has failed and will restart', { reason: message, inMs: delayMs })
    this.#become('FAILED')
    this.#timer = this.#ports.clock.after(delayMs, () => {
      this.#restarts++
      this.#become('RESTARTING')
      this.start()
    })
  }

  #onEvent(event: TaskEvent): void {
    switch (event.type) {
      case 'running':
        this.#reason = undefined
        this.#trace = undefined
        this.#become('RUNNING')
        break
      case 'paused':
        this.#become('PAUSED')
        break
      case 'retrying':
        this.#reason = event.reason
        this.#retryingSinceMs = event.sinceMs
        break
      case 'waiting':
        this.#waitingFor = event.reason
        break
      default:
        this.#reason = undefined
        this.#retryingSinceMs = undefined
    }
  }

  #become(state: ConnectState): void {
    if (state === this.#state) return
    this.#state = state
    this.#statuses.task(this.spec.connector, this.spec.task, state, state === 'FAILED' ? this.#trace : undefined)
  }
}
