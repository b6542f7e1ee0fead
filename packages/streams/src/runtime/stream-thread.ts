import type { Client, Consumer, Producer } from '@millrace/client'
import {
  codeOf,
  type Log,
  MillraceError,
  messageOf,
  type Ports,
  remedyFor,
  type TopicPartition,
} from '@millrace/kernel'
import type { StoreEngine } from '@millrace/store'
import type { Plan } from '../topology/plan.ts'
import { bestAnswer } from './best-answer.ts'
import { ProducerCollector } from './producer-collector.ts'
import { RunningTask } from './running-task.ts'
import { StoreRestorer } from './store-restorer.ts'
import type { ResolvedStreamsOptions } from './streams-options.ts'
import { TaskAssignor } from './task-assignor.ts'
import { commitTasks } from './task-commit.ts'
import type { QueryAnswer, StoreQuery, ThreadState, ThreadStatus } from './thread-messages.ts'
import { ThreadProgress } from './thread-progress.ts'
import { setUpTopics } from './topic-setup.ts'

export interface StreamThreadParts {
  readonly plan: Plan
  readonly client: Client
  readonly ports: Ports
  readonly engine: StoreEngine
  readonly options: ResolvedStreamsOptions
  readonly index: number
  readonly processId: string
  /** Called when the state changes and, while running, a few times a second. */
  onStatus(status: ThreadStatus): void
}

/** Records a task takes in one go before the thread looks at the cache's bound, the producer and the clock. */
const recordsPerTurn = 512
/** How long a thread with nothing to do waits for input. */
const idleWaitMs = 100
const statusEveryMs = 200

/**
 * One consumer, one producer, and the tasks it was given: reads, processes, commits, in a single loop (laws 7 and 8).
 *
 *   starting ──→ rebalancing ──→ restoring ──→ running ──→ stopped
 *                    ▲               │            │
 *                    └───────────────┴────────────┘          any ──→ failed
 */
export class StreamThread {
  readonly #parts: StreamThreadParts
  readonly #log: Log
  readonly #assignor: TaskAssignor
  readonly #consumer: Consumer
  readonly #producer: Producer
  readonly #restorer: StoreRestorer
  readonly #progress = new ThreadProgress()
  readonly #stop = new AbortController()
  readonly #tasks = new Map<string, RunningTask>()
  #collector: ProducerCollector | undefined
  #state: ThreadState = 'starting'
  #nextCommitMs = 0
  #nextStatusMs = 0
  #commits = 0

  constructor(parts: StreamThreadParts) {
    const { client, options, plan, processId, index } = parts
    this.#parts = parts
    this.#log = parts.ports.log.child({ application: options.applicationId, thread: index })
    this.#assignor = new TaskAssignor(plan)
    this.#consumer = client.consumer({
      groupId: options.applicationId,
      groupInstanceId: `${processId}-${index}`,
      autoOffsetReset: 'earliest',
      assignors: [this.#assignor],
      sessionTimeoutMs: options.sessionTimeoutMs,
    })
    this.#producer = client.producer({ acks: 'all', idempotent: true })
    this.#restorer = new StoreRestorer(client, this.#log)
  }

  /** Runs until `stop` or a failure. On a failure nothing of the last interval has been committed. */
  async run(): Promise<void> {
    try {
      await this.#untilStopped(() => this.#start())
      while (!this.#stop.signal.aborted) await this.#untilStopped(() => this.#turn())
      await this.#commit()
      await this.#consumer.close() // revokes, so the tasks are closed
      await this.#producer.close()
      this.#move('stopped')
    } catch (error) {
      await this.#abandon()
      this.#move('failed')
      throw error
    } finally {
      await this.#restorer.close()
    }
  }

  /** `stop` interrupts a wait; that is no failure. */
  async #untilStopped(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      if (!this.#stop.signal.aborted || codeOf(error) !== 'ABORTED') throw error
    }
  }

  /** Ends after the commit of what has been processed. */
  stop(): void {
    this.#stop.abort(new MillraceError('ABORTED', 'the application is stopping'))
  }

  /** Answers between records, cache included. */
  query(query: StoreQuery): QueryAnswer {
    return bestAnswer(Array.from(this.#tasks.values(), (task) => task.query(query, this.#restorer.lag)))
  }

  get status(): ThreadStatus {
    return {
      state: this.#state,
      tasks: [...this.#tasks.keys()].sort(),
      sources: this.#progress.sources(this.#tasks.values(), this.#consumer),
      restoredRecords: this.#restorer.restoredRecords,
      restoreLag: this.#restorer.lag,
      dropped: this.#progress.dropped(this.#tasks.values()),
      commits: this.#commits,
    }
  }

  async #start(): Promise<void> {
    const { plan, client, ports } = this.#parts
    const admin = client.admin()
    await setUpTopics(plan, admin, ports.clock, this.#log, this.#stop.signal)
    this.#collector = await ProducerCollector.open(this.#producer, plan.writtenTopics)
    const topics = plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics)
    this.#consumer.subscribe([...new Set(topics)], {
      onAssigned: (partitions) => this.#assigned(partitions),
      onRevoked: () => this.#revoked(),
      onLost: () => this.#closeTasks(),
    })
    this.#move('rebalancing')
    this.#nextCommitMs = ports.clock.monotonicMs() + this.#parts.options.commitIntervalMs
  }

  /** Once around: restore or read, process, commit when it is time. */
  async #turn(): Promise<void> {
    const { clock } = this.#parts.ports
    if (this.#restorer.busy) await this.#restoreStep()
    const polled = await this.#consumer.poll({ timeoutMs: this.#hasWork() ? 0 : idleWaitMs, signal: this.#stop.signal })
    for (const batch of polled) this.#taskOf(batch.topic, batch.partition)?.buffer(batch)
    for (const task of this.#tasks.values()) task.updateLags(this.#consumer)

    await this.#process()
    for (const task of this.#tasks.values()) task.throttle(this.#consumer, this.#parts.options.bufferBytesMax)

    const now = clock.monotonicMs()
    if (now >= this.#nextCommitMs || this.#commitWanted()) await this.#commit()
    if (now >= this.#nextStatusMs) {
      this.#nextStatusMs = now + statusEveryMs
      this.#parts.onStatus(this.status)
      await clock.turn() // queries and messages from the main thread are heard here
    }
  }

  /**
   * A turn of each task, round and round while there is input, until the producer, the cache or the clock asks for a
   * pause.
   */
  async #process(): Promise<void> {
    const { clock } = this.#parts.ports
    const until = Math.min(this.#nextCommitMs, this.#nextStatusMs)
    for (let any = true; any && !this.#stop.signal.aborted; ) {
      any = false
      for (const task of this.#tasks.values()) {
        if (!task.running) continue
        if (this.#producer.full) await this.#producer.drained()
        if (task.process(recordsPerTurn) > 0) any = true
        if (this.#commitWanted()) return
      }
      if (clock.monotonicMs() >= until) return
    }
  }

  async #commit(): Promise<void> {
    const running = [...this.#tasks.values()].filter((task) => task.running)
    if (await commitTasks(running, this.#producer, this.#consumer)) this.#commits++
    this.#nextCommitMs = this.#parts.ports.clock.monotonicMs() + this.#parts.options.commitIntervalMs
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    const { refusal, tasks } = this.#assignor.assigned
    if (refusal !== undefined)
      throw new MillraceError('CONFIG', refusal, { place: `group ${this.#parts.options.applicationId}` })
    const committed = await this.#consumer.committed(partitions)
    const collector = this.#collector
    if (collector === undefined) return
    const fresh: RunningTask[] = []
    for (const placed of tasks) {
      if (this.#tasks.has(placed.id)) continue
      const inputs = partitions.filter((at) => this.#belongs(at, placed.subtopology, placed.partition))
      const task = await RunningTask.open({ ...this.#parts, placed, inputs, committed, collector })
      this.#tasks.set(placed.id, task)
      fresh.push(task)
    }
    this.#assignor.standing = tasks.map(({ id }) => id)
    this.#consumer.pause(fresh.flatMap((task) => [...task.inputs]))
    await this.#restorer.add(fresh)
    this.#move('restoring')
    await this.#restoreStep()
  }

  /**
   * Everything is revoked (the eager protocol): what has been done is committed before anybody else may go on from
   * there.
   */
  async #revoked(): Promise<void> {
    this.#move('rebalancing')
    try {
      await this.#commit()
    } catch (error) {
      // Only where the group has moved on without us: what is not committed will be done again by the next owner.
      if (remedyFor(error) !== 'rejoin') throw error
      this.#log.warn('commit on revocation was refused', { reason: messageOf(error) })
    }
    await this.#closeTasks()
  }

  async #restoreStep(): Promise<void> {
    const done = new Set(await this.#restorer.step(this.#hasWork() ? 0 : idleWaitMs))
    for (const task of this.#tasks.values()) {
      if (!done.has(task)) continue
      task.run()
      this.#consumer.resume(task.inputs)
    }
    if (!this.#restorer.busy) this.#move('running')
  }

  async #closeTasks(): Promise<void> {
    const tasks = [...this.#tasks.values()]
    this.#restorer.remove(tasks)
    for (const task of tasks) this.#progress.remember(task)
    this.#tasks.clear()
    await Promise.all(tasks.map((task) => task.close()))
  }

  /** After a failure: nothing more is written under our name, and the first error is the one that counts. */
  async #abandon(): Promise<void> {
    await this.#closeTasks()
    for (const part of [this.#consumer, this.#producer]) {
      await part
        .close()
        .catch((error: unknown) => this.#log.debug('closing after a failure', { reason: messageOf(error) }))
    }
  }

  #taskOf(topic: string, partition: number): RunningTask | undefined {
    const subtopology = this.#parts.plan.subtopologies.find(({ sourceTopics }) => sourceTopics.includes(topic))
    return subtopology === undefined ? undefined : this.#tasks.get(`${subtopology.id}_${partition}`)
  }

  #belongs(at: TopicPartition, subtopology: number, partition: number): boolean {
    return (
      at.partition === partition &&
      (this.#parts.plan.subtopologies[subtopology]?.sourceTopics.includes(at.topic) ?? false)
    )
  }

  #hasWork(): boolean {
    for (const task of this.#tasks.values()) if (task.running && task.ready) return true
    return false
  }

  #commitWanted(): boolean {
    for (const task of this.#tasks.values()) if (task.commitWanted) return true
    return false
  }

  #move(to: ThreadState): void {
    if (this.#state === to) return
    this.#log.debug('state', { from: this.#state, to })
    this.#state = to
    this.#parts.onStatus(this.status)
  }
}
