import type { Consumer, OffsetAndMetadata, PolledBatch, Producer } from '@millrace/client'
import { codeOf, type Ports, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import type { FlushedOffsets, StoreEngine, StoreEnvironment } from '@millrace/store'
import type { Collector } from '../task/collector.ts'
import { StreamTask } from '../task/task.ts'
import type { Plan } from '../topology/plan.ts'
import { answerFrom } from './store-query.ts'
import type { ResolvedStreamsOptions } from './streams-options.ts'
import type { PlacedTask } from './task-assignment.ts'
import type { QueryAnswer, StoreQuery } from './thread-messages.ts'

export interface RunningTaskParts {
  readonly plan: Plan
  readonly placed: PlacedTask
  /** Partitions of this task that the group assigned. */
  readonly inputs: readonly TopicPartition[]
  /** Positions of the group, with the times in their metadata. */
  readonly committed: TopicPartitionMap<OffsetAndMetadata>
  /** Records of each input beyond its position, before anything was fetched. */
  readonly lags: TopicPartitionMap<number>
  readonly collector: Collector
  readonly engine: StoreEngine
  readonly options: ResolvedStreamsOptions
  readonly ports: Ports
}

/** How long a state directory that another thread or process is about to leave is waited for. */
const directoryWaitMs = 30_000

/** A task with its state directory, as a stream thread drives it: restoring first, then running. */
export class RunningTask {
  readonly id: string
  readonly partition: number
  readonly inputs: readonly TopicPartition[]
  readonly changelogs: ReadonlyMap<string, string>
  readonly #parts: RunningTaskParts
  readonly #directory: string
  #environment: StoreEnvironment
  #task: StreamTask
  #running = false
  readonly #throttled = new Set<TopicPartition>()
  readonly #lags = new TopicPartitionMap<number>()
  readonly #buffered = new Map<string, number>()

  private constructor(parts: RunningTaskParts, directory: string, environment: StoreEnvironment) {
    this.#parts = parts
    this.#directory = directory
    this.#environment = environment
    this.#task = this.#make()
    this.id = parts.placed.id
    this.partition = parts.placed.partition
    this.inputs = parts.inputs
    this.changelogs = this.#task.changelogs
    for (const { topic, partition } of parts.inputs) {
      this.#lags.set(topic, partition, parts.lags.get(topic, partition) ?? 0)
    }
  }

  /**
   * @throws DIRECTORY_IN_USE when whoever had the task does not let go of its directory, ABORTED by the signal, and
   * what building the task throws: the directory is released then.
   */
  static async open(parts: RunningTaskParts, signal: AbortSignal): Promise<RunningTask> {
    const { stateDirectory, applicationId } = parts.options
    const directory = `${stateDirectory}/${applicationId}/${parts.placed.id}`
    const environment = await openDirectory(parts, directory, signal)
    if (environment.openedUnclean) {
      // The engine has discarded what a power cut may have torn; the changelog has it all.
      parts.ports.log.warn('state is restored from its changelog after a power cut', { task: parts.placed.id })
    }
    try {
      const task = new RunningTask(parts, directory, environment)
      task.#warnOfStrays()
      return task
    } catch (error) {
      await environment.close()
      throw error
    }
  }

  get running(): boolean {
    return this.#running
  }

  /** Restored: records may come. */
  run(): void {
    this.#running = true
  }

  get ready(): boolean {
    return this.#task.ready
  }

  /** How long until an idle input is no longer waited for; undefined: nothing is waited for by time. */
  get readyInMs(): number | undefined {
    return this.#task.readyInMs
  }

  get commitWanted(): boolean {
    return this.#task.commitWanted
  }

  get dropped(): ReadonlyMap<string, number> {
    return this.#task.dropped
  }

  /** Records processed since the task came here, by input topic. */
  recordsByTopic(): Map<string, number> {
    return new Map([...this.#buffered].map(([topic, count]) => [topic, count - this.bufferedRecords(topic)]))
  }

  bufferedRecords(topic: string): number {
    return this.#task.bufferedRecords(topic, this.partition)
  }

  buffer(batch: PolledBatch): void {
    this.#task.buffer(batch)
    this.#buffered.set(batch.topic, (this.#buffered.get(batch.topic) ?? 0) + (batch.next - batch.from))
  }

  /** Looks where the consumer stands, once all it gave is buffered. Whether a position went on without a record. */
  follow(consumer: Consumer): boolean {
    let moved = false
    for (const at of this.inputs) {
      const position = consumer.position(at)
      if (position !== undefined && this.#task.passTo(at.topic, at.partition, position)) moved = true
      const known = consumer.currentLag(at)
      this.#task.lag(at.topic, at.partition, known)
      if (known !== undefined) this.#lags.set(at.topic, at.partition, known)
    }
    return moved
  }

  /** Records of an input that are not processed, as last known. */
  lag(topic: string): number {
    return (this.#lags.get(topic, this.partition) ?? 0) + this.bufferedRecords(topic)
  }

  process(recordsMax: number): number {
    return this.#task.process(recordsMax)
  }

  /** Pauses inputs of which enough is held, and resumes them at half of it. */
  throttle(consumer: Consumer, bytesMax: number): void {
    if (!this.#running) return
    for (const at of this.inputs) {
      const bytes = this.#task.bufferedBytes(at.topic, at.partition)
      if (bytes >= bytesMax && !this.#throttled.has(at)) {
        this.#throttled.add(at)
        consumer.pause([at])
      } else if (bytes < bytesMax / 2 && this.#throttled.delete(at)) {
        consumer.resume([at])
      }
    }
  }

  flushCaches(): void {
    this.#task.flushCaches()
  }

  changedPositions(): TopicPartitionMap<OffsetAndMetadata> {
    return this.#task.changedPositions()
  }

  /**
   * Where each changelog stands after what the producer has got acknowledged; stores it has not written to are left
   * out. So are those it wrote to when it had the task before: others have gone on from there.
   */
  changelogEnds(producer: Pick<Producer, 'acknowledged'>): FlushedOffsets {
    const ends: Record<string, number> = {}
    for (const [store, topic] of this.changelogs) {
      const last = producer.acknowledged(topic, this.partition)
      if (last !== undefined && last + 1 > (this.storedOffsets[store] ?? 0)) ends[store] = last + 1
    }
    return ends
  }

  flushStores(offsets: FlushedOffsets): void {
    this.#task.flushStores(offsets)
  }

  committed(positions: TopicPartitionMap<OffsetAndMetadata>): void {
    this.#task.committed(positions)
  }

  get storedOffsets(): FlushedOffsets {
    return this.#task.storedOffsets
  }

  async discardStores(): Promise<void> {
    this.#task.close()
    await this.#environment.destroy()
    this.#environment = this.#parts.engine.open(this.#directory)
    this.#task = this.#make()
  }

  restoreBatch(store: string, batch: PolledBatch): number {
    return this.#task.restoreBatch(store, batch)
  }

  query(query: StoreQuery, restoreLag: number): QueryAnswer {
    const store = this.#task.stores.get(query.store)
    if (store === undefined) return { kind: 'elsewhere' }
    if (!this.#running) return { kind: 'restoring', lag: restoreLag }
    return answerFrom(store, query)
  }

  /** What was not committed is dropped; it will be processed again by whoever has the task next. */
  async close(): Promise<void> {
    this.#task.close()
    await this.#environment.close()
  }

  /** State of stores that the topology no longer has is kept, and told of: the program may have renamed one. */
  #warnOfStrays(): void {
    const strays = Object.keys(this.storedOffsets).filter((store) => !this.changelogs.has(store))
    if (strays.length === 0) return
    this.#parts.ports.log.warn('the state directory holds stores that the topology does not have', {
      task: this.id,
      stores: strays,
    })
  }

  #make(): StreamTask {
    const { plan, placed, collector, ports, options, inputs, committed } = this.#parts
    const task = new StreamTask({
      plan,
      subtopology: placed.subtopology,
      partition: placed.partition,
      inputs: inputs.map(({ topic }) => topic),
      environment: this.#environment,
      collector,
      clock: ports.clock,
      metrics: ports.metrics,
      log: ports.log,
      maxTaskIdleMs: options.maxTaskIdleMs,
      cacheBytesMax: taskCacheBytes(this.#parts),
    })
    for (const { topic, partition } of inputs) {
      const position = committed.get(topic, partition)
      if (position !== undefined) task.resumeFrom(topic, partition, position)
    }
    return task
  }
}

/**
 * An equal share of the thread's cache for each of its tasks that keep state; how many there are is not known before,
 * so as many as there could be.
 */
function taskCacheBytes({ plan, options }: RunningTaskParts): number {
  const stateful = plan.subtopologies.filter(({ stores }) => stores.length > 0).length
  return Math.max(
    64 * 1024,
    Math.floor(options.cacheBytesMax / Math.max(1, options.threads) / Math.max(1, stateful) / 2),
  )
}

async function openDirectory(
  parts: RunningTaskParts,
  directory: string,
  signal: AbortSignal,
): Promise<StoreEnvironment> {
  const { clock } = parts.ports
  const until = clock.monotonicMs() + directoryWaitMs
  for (;;) {
    try {
      return parts.engine.open(directory)
    } catch (error) {
      if (codeOf(error) !== 'DIRECTORY_IN_USE' || clock.monotonicMs() >= until) throw error
      await clock.sleep(50, signal)
    }
  }
}
