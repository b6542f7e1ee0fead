import type { Client, Consumer, OffsetAndMetadata } from '@millrace/client'
import {
  type Counter,
  codeOf,
  configError,
  type Log,
  MillraceError,
  messageOf,
  type Ports,
  remedyFor,
  type TopicPartition,
  TopicPartitionMap,
} from '@millrace/kernel'
import type { StoreEngine } from '@millrace/store'
import type { PartitionCounts } from '../topology/partition-counts.ts'
import type { Plan } from '../topology/plan.ts'
import { bestAnswer } from './best-answer.ts'
import { RunningTask } from './running-task.ts'
import { tasksWithState } from './state-directory.ts'
import { StoreRestorer } from './store-restorer.ts'
import type { ResolvedStreamsOptions } from './streams-options.ts'
import type { PlacedTask } from './task-assignment.ts'
import { TaskAssignor } from './task-assignor.ts'
import { TaskTurns } from './task-turns.ts'
import type { QueryAnswer, StoreQuery, ThreadFailure, ThreadState, ThreadStatus } from './thread-messages.ts'
import { ThreadProgress } from './thread-progress.ts'
import { IdempotentWriter, type ThreadWriter, TransactionalWriter } from './thread-writer.ts'
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

/** How long tasks run before the thread polls, and lets answers, heartbeats and queries in. */
const sliceMs = 10
/** How long a thread with nothing to do waits for input. */
const idleWaitMs = 500
/** The same while stores are restored: input of other tasks may come. */
const restoreWaitMs = 20
/** How long restoring may go on within the assignment. */
const restoreAtOnceMs = 1_000
const statusEveryMs = 200
/** How long commits may be refused for want of a coordinator before the thread gives up (Kafka's task.timeout.ms). */
const commitPatienceMs = 300_000

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
  readonly #writer: ThreadWriter
  readonly #restorer: StoreRestorer
  readonly #turns: TaskTurns
  readonly #aborts: Counter
  readonly #progress = new ThreadProgress()
  readonly #stop = new AbortController()
  readonly #tasks = new Map<string, RunningTask>()
  #state: ThreadState = 'starting'
  #counts: PartitionCounts | undefined
  #failure: ThreadFailure | undefined
  #waitingFor: readonly string[] = []
  /** Something was taken from the input since the last commit. */
  #touched = false
  /** Something has changed since the last status. */
  #untold = false
  #nextCommitMs = 0
  #nextStatusMs = 0
  /** When the event loop last had its turn. */
  #turnedMs = 0
  /** Of commits, since one went through. */
  #refusals: { readonly sinceMs: number; lastMs: number } | undefined
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
      isolation: options.processing === 'exactly-once' ? 'read_committed' : 'read_uncommitted',
      assignors: [this.#assignor],
      sessionTimeoutMs: options.sessionTimeoutMs,
      // Kafka's advice: a third of the session at most.
      // Short: by its heartbeat a thread learns that another has joined, and work is divided anew.
      heartbeatIntervalMs: Math.min(500, Math.floor(options.sessionTimeoutMs / 3)),
    })
    this.#writer = writerOf(parts, this.#log)
    this.#restorer = new StoreRestorer(client, this.#log)
    this.#aborts = parts.ports.metrics.counter(
      'millrace_streams_transactions_aborted_total',
      'Transactions of stream threads that were aborted; their records are processed again',
      { application: options.applicationId },
    )
    this.#turns = new TaskTurns(parts.ports.clock, () => this.#writer.full)
  }

  /**
   * Runs until `stop` or a failure. On a failure nothing of the last interval has been committed, and whoever has the
   * tasks next does it again.
   */
  async run(): Promise<void> {
    try {
      await this.#untilStopped(() => this.#start())
      while (!this.#stop.signal.aborted) await this.#untilStopped(() => this.#turn())
      await this.#consumer.close() // revokes: commits, and closes the tasks
      await this.#writer.close()
      this.#move('stopped')
    } catch (thrown) {
      const error = explained(thrown)
      this.#failure = { code: codeOf(error) ?? 'UNKNOWN', message: messageOf(error) }
      this.#move('failed')
      await this.#abandon()
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
    const lag = this.#restorer.lag
    const best = bestAnswer(Array.from(this.#tasks.values(), (task) => task.query(query, lag)))
    const settled = this.#state === 'running' || this.#state === 'stopped' || this.#state === 'failed'
    // Between tasks the thread cannot know whether it will have the key.
    if (best.kind !== 'elsewhere' || settled || !this.#hasStore(query.store)) return best
    return { kind: 'restoring', lag }
  }

  get status(): ThreadStatus {
    return {
      state: this.#state,
      tasks: [...this.#tasks.keys()].sort(),
      sources: this.#progress.sources(this.#tasks.values()),
      restoredRecords: this.#restorer.restoredRecords,
      restoreLag: this.#restorer.lag,
      dropped: this.#progress.dropped(this.#tasks.values()),
      commits: this.#commits,
      ...(this.#waitingFor.length === 0 ? {} : { waitingFor: this.#waitingFor }),
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    }
  }

  async #start(): Promise<void> {
    const { plan, client, ports, options } = this.#parts
    const { signal } = this.#stop
    this.#counts = await setUpTopics(plan, client.admin(), ports.clock, this.#log, signal, (missing) => {
      this.#waitingFor = missing
      this.#parts.onStatus(this.status)
    })
    await this.#writer.open(plan.writtenTopics, signal)
    this.#assignor.kept = tasksWithState(ports.disk, `${options.stateDirectory}/${options.applicationId}`)
    const topics = plan.subtopologies.flatMap(({ sourceTopics }) => sourceTopics)
    this.#consumer.subscribe([...new Set(topics)], {
      onAssigned: (partitions) => this.#assigned(partitions),
      onRevoked: () => this.#revoked(),
      onLost: () => (this.#writer.takesBack ? this.#startOver() : this.#closeTasks()),
    })
    this.#move('rebalancing')
    this.#nextCommitMs = ports.clock.monotonicMs() + options.commitIntervalMs
  }

  /** Once around: read, restore, process, commit when it is time. */
  async #turn(): Promise<void> {
    const { clock } = this.#parts.ports
    const polled = await this.#consumer.poll({ timeoutMs: this.#waitMs(), signal: this.#stop.signal })
    for (const batch of polled) this.#taskOf(batch.topic, batch.partition)?.buffer(batch)
    // Also what was polled before the last commit and is processed after it.
    if (polled.length > 0 || this.#hasWork()) this.#touched = true
    const running = this.#runningTasks()
    for (const task of running) if (task.follow(this.#consumer)) this.#touched = true
    if (this.#restorer.busy) await this.#restoreStep()

    await this.#processSlice(running)
    const now = clock.monotonicMs()
    if (now >= this.#nextStatusMs) {
      this.#nextStatusMs = now + statusEveryMs
      this.#untold = this.#touched // what comes with the commit
      this.#parts.onStatus(this.status)
    }
    if (now - this.#turnedMs >= sliceMs) {
      await clock.turn() // what has been fetched already is polled without one
      this.#turnedMs = clock.monotonicMs()
    }
  }

  /** Processes for a while, and commits when it is time. */
  async #processSlice(running: readonly RunningTask[]): Promise<void> {
    try {
      const end = this.#turns.run(running, sliceMs)
      for (const task of running) task.throttle(this.#consumer, this.#parts.options.bufferBytesMax)
      if (this.#parts.ports.clock.monotonicMs() >= this.#nextCommitMs || end === 'commit') await this.#commit()
      else if (end === 'full') await this.#writer.drained()
    } catch (error) {
      if (!this.#writer.isMendedByStartingOver(error)) throw error
      this.#refused(error)
      await this.#startOver()
    }
  }

  /** How long the next poll may wait for input. */
  #waitMs(): number {
    if (this.#restorer.busy) return 0
    const { clock } = this.#parts.ports
    let wait = this.#state === 'running' ? idleWaitMs : restoreWaitMs
    if (this.#untold) wait = Math.min(wait, Math.max(0, this.#nextStatusMs - clock.monotonicMs()))
    if (this.#touched) wait = Math.min(wait, Math.max(0, this.#nextCommitMs - clock.monotonicMs()))
    for (const task of this.#tasks.values()) {
      if (!task.running) continue
      if (task.ready) return 0
      wait = Math.min(wait, task.readyInMs ?? wait)
    }
    return wait
  }

  /** Where it is refused, the tasks go on: the next poll says whether they are still ours. */
  async #commit(): Promise<void> {
    const { clock } = this.#parts.ports
    if (this.#touched) {
      const outcome = await this.#writer.commit(this.#runningTasks(), this.#consumer)
      if (outcome.kind === 'refused') {
        this.#refused(outcome.error)
        if (this.#writer.isMendedByStartingOver(outcome.error)) await this.#startOver()
      } else {
        this.#touched = false
        this.#refusals = undefined
      }
      if (outcome.kind === 'committed') this.#commits++
      this.#untold = true
    }
    this.#nextCommitMs = clock.monotonicMs() + this.#parts.options.commitIntervalMs
  }

  /**
   * Nothing since the last commit can be seen by anybody: the tasks and their caches go, and come back from what was
   * committed, to us or to others. So too when the membership is over: the work is done again, and what was written in it
   * must not be committed along with that.
   */
  async #startOver(): Promise<void> {
    await this.#closeTasks()
    if (this.#stop.signal.aborted) return // closing the writer aborts
    await this.#patiently(() => this.#writer.startOver(this.#stop.signal))
    this.#aborts.add()
    this.#consumer.requestRejoin()
  }

  #refused(error: unknown): void {
    const now = this.#parts.ports.clock.monotonicMs()
    // One of long ago, with nothing to commit since, is none that goes on.
    if (this.#refusals === undefined || now - this.#refusals.lastMs > commitPatienceMs / 2) {
      this.#refusals = { sinceMs: now, lastMs: now }
    }
    this.#refusals.lastMs = now
    this.#log.warn('a commit was refused', { reason: messageOf(error) })
    if (remedyFor(error) !== 'rejoin' && now - this.#refusals.sinceMs >= commitPatienceMs) throw error
  }

  /** Asks again while nobody can answer, for as long as commits may be refused. */
  async #patiently<T>(ask: () => Promise<T>): Promise<T> {
    const { clock } = this.#parts.ports
    const until = clock.monotonicMs() + commitPatienceMs
    for (;;) {
      try {
        return await ask()
      } catch (error) {
        const remedy = remedyFor(error)
        const isOver = this.#stop.signal.aborted || clock.monotonicMs() >= until
        if (isOver || (remedy !== 'retry' && remedy !== 'refresh-metadata')) throw error
        this.#log.warn('brokers cannot say yet, asked again', { reason: messageOf(error) })
      }
    }
  }

  async #assigned(partitions: readonly TopicPartition[]): Promise<void> {
    if (!this.#takesPart()) return
    const { tasks } = this.#assignor.assigned
    const { collector } = this.#writer
    const committed = await this.#patiently(() => this.#consumer.committed(partitions))
    const lags = await this.#patiently(() => lagsBehind(this.#consumer, partitions, committed))
    const fresh: RunningTask[] = []
    for (const placed of tasks) {
      this.#checkCount(placed)
      const inputs = partitions.filter((at) => this.#belongs(at, placed.subtopology, placed.partition))
      const parts = { ...this.#parts, placed, inputs, committed, lags, collector }
      const task = await RunningTask.open(parts, this.#stop.signal)
      this.#tasks.set(placed.id, task)
      fresh.push(task)
    }
    this.#assignor.standing = tasks.map(({ id }) => id)
    this.#consumer.pause(fresh.flatMap((task) => [...task.inputs]))
    await this.#patiently(() => this.#restorer.add(fresh))
    this.#move('restoring')
    // The poll that this is part of may wait for input yet: what is quick is done at once.
    const { clock } = this.#parts.ports
    const until = clock.monotonicMs() + restoreAtOnceMs
    do await this.#restoreStep()
    while (this.#restorer.busy && clock.monotonicMs() < until && !this.#stop.signal.aborted)
  }

  /** @throws CONFIG when the group runs another topology, which is there to stay. */
  #takesPart(): boolean {
    const { assigned, outdated } = this.#assignor
    const group = `group ${this.#parts.options.applicationId}`
    if (assigned.refusal !== undefined) {
      if (outdated) {
        throw configError(group, assigned.refusal, this.#parts.plan.topology.fingerprint, otherTopologyFix)
      }
      this.#log.warn('waiting for a member with another topology to leave', { group })
      return false
    }
    if (!outdated) return true
    this.#log.info('the assignment is of an earlier topology: a new round', { group })
    this.#assignor.askAnew()
    this.#consumer.requestRejoin()
    return false
  }

  /** A source topic may have grown since the start; changelogs have not. */
  #checkCount({ id, subtopology, partition }: PlacedTask): void {
    const count = this.#counts?.tasks[subtopology]
    if (count === undefined || partition < count) return
    const topics = this.#parts.plan.subtopologies[subtopology]?.sourceTopics.join(', ')
    throw configError(
      `task ${id}`,
      `has no changelog: ${topics} had ${count} partitions when the application started, and has more now`,
      partition + 1,
      'Reset the application (delete its internal topics and state), or use another applicationId.',
    )
  }

  /**
   * Everything is revoked (the eager protocol): what has been done is committed before anybody else may go on from
   * there.
   */
  async #revoked(): Promise<void> {
    if (this.#state !== 'failed') this.#move('rebalancing')
    await this.#commit()
    await this.#closeTasks()
  }

  async #restoreStep(): Promise<void> {
    const done = new Set(await this.#restorer.step(this.#hasWork() ? 0 : restoreWaitMs))
    for (const task of this.#tasks.values()) {
      if (!done.has(task)) continue
      task.run()
      this.#consumer.resume(task.inputs)
    }
    if (!this.#restorer.busy) this.#move('running')
  }

  /** All of them, also when one does not close. */
  async #closeTasks(): Promise<void> {
    const tasks = [...this.#tasks.values()]
    this.#restorer.remove(tasks)
    for (const task of tasks) this.#progress.remember(task)
    this.#tasks.clear()
    this.#touched = false
    const closed = await Promise.allSettled(tasks.map((task) => task.close()))
    for (const outcome of closed) if (outcome.status === 'rejected') throw outcome.reason
  }

  /** After a failure: nothing more is committed under our name, and the first error is the one that counts. */
  async #abandon(): Promise<void> {
    const steps = [() => this.#closeTasks(), () => this.#consumer.close(), () => this.#writer.close()]
    for (const step of steps) {
      await step().catch((error: unknown) => {
        this.#log.debug('closing after a failure', { reason: messageOf(error) })
      })
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

  #hasStore(name: string): boolean {
    return this.#parts.plan.topology.stores.some((store) => store.name === name)
  }

  #runningTasks(): RunningTask[] {
    return [...this.#tasks.values()].filter((task) => task.running)
  }

  #hasWork(): boolean {
    for (const task of this.#tasks.values()) if (task.running && task.ready) return true
    return false
  }

  #move(to: ThreadState): void {
    if (this.#state === to) return
    this.#log.debug('state', { from: this.#state, to })
    this.#state = to
    this.#parts.onStatus(this.status)
  }
}

const otherTopologyFix =
  'Stop the members that run the other topology first, or use another applicationId for this one.'

function writerOf({ client, options, processId, index }: StreamThreadParts, log: Log): ThreadWriter {
  if (options.processing === 'at-least-once') return new IdempotentWriter(client)
  // The same after a restart: what the thread left open when it was killed is aborted at once, not after its time.
  const transactionalId = `${options.applicationId}-${processId}-${index}`
  return new TransactionalWriter(client, { transactionalId, transactionTimeoutMs: options.transactionTimeoutMs, log })
}

/** How many records lie beyond the positions of a group. Where it has none, it begins at the beginning. */
async function lagsBehind(
  consumer: Consumer,
  partitions: readonly TopicPartition[],
  committed: TopicPartitionMap<OffsetAndMetadata>,
): Promise<TopicPartitionMap<number>> {
  const lags = new TopicPartitionMap<number>()
  if (partitions.length === 0) return lags
  const [ends, beginnings] = await Promise.all([consumer.endOffsets(partitions), consumer.beginningOffsets(partitions)])
  for (const { topic, partition } of partitions) {
    const begin = beginnings.get(topic, partition) ?? 0
    const position = Math.max(begin, committed.get(topic, partition)?.offset ?? 0)
    lags.set(topic, partition, Math.max(0, (ends.get(topic, partition) ?? 0) - position))
  }
  return lags
}

/** Kafka's words for a static member that was replaced say little about what to do. */
function explained(error: unknown): unknown {
  if (codeOf(error) !== 'FENCED_INSTANCE_ID') return error
  return new MillraceError('FENCED_INSTANCE_ID', 'another process of the application has the same identity', {
    fix: 'Its state directory is a copy: delete the file process-id in one of the two, then start that one again.',
    cause: error,
  })
}
