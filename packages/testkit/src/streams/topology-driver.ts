import type { OffsetAndMetadata } from '@millrace/client'
import { configError, type Metrics, silentLog, TopicPartitionMap } from '@millrace/kernel'
import { memoryMetrics, SimClock } from '@millrace/kernel/sim'
import { bytesOut, encodeHeaders } from '@millrace/record/internal'
import { type Duration, durationMs } from '@millrace/schema'
import { memoryEngine, type StoreEngine, type StoreEnvironment } from '@millrace/store'
import type { Topic, Topology } from '@millrace/streams'
import { type AnySerde, type Plan, planTopology, resolvePartitions, StreamTask } from '@millrace/streams/internal'
import { MemoryTopics, type StoredRecord } from './memory-topics.ts'
import { storesNamed, type TableView, tableView, type WindowsView, windowsView } from './store-views.ts'

export interface TopologyDriverOptions {
  /** Of the topics that the topology reads: one number for all, or by topic. @default 1 */
  readonly partitions?: number | Readonly<Record<string, number>> | undefined
  /** Where the virtual clock stands at first, milliseconds since 1970. @default 0 */
  readonly startMs?: number | undefined
  /** @default 0 */
  readonly maxTaskIdleMs?: number | undefined
  /** Bytes that a task's caches may hold before it commits by itself. @default no bound */
  readonly cacheBytesMax?: number | undefined
  /** @default in memory */
  readonly engine?: StoreEngine | undefined
}

/** A record for a topic. */
export interface InputRecord<K, V> {
  readonly key: K | null
  readonly value: V | null
  /** @default the virtual now */
  readonly timestampMs?: number | undefined
  readonly headers?: readonly { readonly key: string; readonly value: Uint8Array | string | null }[] | undefined
  /** @default by the key, as Kafka's producers do; without a key 0 */
  readonly partition?: number | undefined
}

export interface CrashOptions {
  /** What becomes of the state directory. @default 'keep' */
  readonly state?: 'keep' | 'delete' | undefined
  /** What becomes of what tasks wrote since the last commit. @default 'lose' */
  readonly writes?: 'keep' | 'lose' | undefined
}

/** A record that came out. */
export interface OutputRecord<K, V> {
  readonly key: K | null
  readonly value: V | null
  readonly timestampMs: number
  readonly headers: readonly { readonly key: string; readonly value: Buffer | null }[]
  readonly partition: number
  readonly offset: number
}

interface DrivenTask {
  readonly task: StreamTask
  readonly environment: StoreEnvironment
}

/**
 * Runs a topology in a test: real tasks over topics in memory, on virtual time, with no broker and no timers. What goes
 * in is processed before the call returns. Aggregates and tables come out when the test commits, as they do each second
 * in a real run.
 */
export class TopologyDriver implements AsyncDisposable {
  readonly plan: Plan
  readonly metrics: Metrics = memoryMetrics()
  readonly #options: TopologyDriverOptions
  readonly #clock: SimClock
  readonly #engine: StoreEngine
  readonly #topics = new MemoryTopics()
  readonly #tasksOf: readonly number[]
  readonly #committed = new TopicPartitionMap<OffsetAndMetadata>()
  /** How far each input was handed to its task. */
  readonly #buffered = new TopicPartitionMap<number>()
  /** How far `out` has read. */
  readonly #seen = new TopicPartitionMap<number>()
  /** Where the topics ended at the last commit. */
  #ends = new TopicPartitionMap<number>()
  #tasks: DrivenTask[] = []
  #droppedBefore = new Map<string, number>()
  #restored = 0
  #closed = false

  /** @internal */
  constructor(topology: Topology, options: TopologyDriverOptions) {
    this.#options = options
    this.plan = planTopology(topology)
    this.#clock = new SimClock(options.startMs ?? 0)
    this.#engine = options.engine ?? memoryEngine()
    const { partitions = 1 } = options
    const counts = resolvePartitions(this.plan, (topic) =>
      this.plan.externalSourceTopics.includes(topic)
        ? typeof partitions === 'number'
          ? partitions
          : (partitions[topic] ?? 1)
        : undefined,
    )
    for (const [topic, count] of counts.topics) this.#topics.create(topic, count)
    const widest = Math.max(1, ...counts.tasks)
    for (const topic of this.plan.writtenTopics) {
      if (this.#topics.has(topic)) continue
      this.#topics.create(topic, typeof partitions === 'number' ? widest : (partitions[topic] ?? widest))
    }
    this.#tasksOf = counts.tasks
    this.#start()
  }

  /** Writes records to a topic, all of them before the first is processed, and processes what there is. */
  in<K, V>(topic: Topic<K, V>, records: InputRecord<K, V> | readonly InputRecord<K, V>[]): void
  in(topic: string, records: InputRecord<unknown, unknown> | readonly InputRecord<unknown, unknown>[]): void
  in(
    topic: string | { readonly name: string },
    records: InputRecord<unknown, unknown> | readonly InputRecord<unknown, unknown>[],
  ): void {
    const name = typeof topic === 'string' ? topic : topic.name
    const { keySerde, valueSerde } = this.#serdes('source', name)
    const handle = this.#topics.handle(name)
    for (const { key, value, timestampMs, headers, partition } of isList(records) ? records : [records]) {
      const encoded = headers === undefined ? null : encodeHeaders(headers)
      const at = timestampMs ?? this.#clock.nowMs()
      this.#topics.append(handle, partition ?? -1, at, key, keySerde, value, valueSerde, encoded)
    }
    this.#process()
  }

  /** As `in`, with bytes that no serde of the topology has written. */
  rawIn(topic: string, records: readonly InputRecord<Uint8Array, Uint8Array>[]): void {
    this.#serdes('source', topic)
    const handle = this.#topics.handle(topic)
    for (const { key, value, timestampMs, headers, partition } of records) {
      const encoded = headers === undefined ? null : encodeHeaders(headers)
      const at = timestampMs ?? this.#clock.nowMs()
      this.#topics.append(handle, partition ?? -1, at, key, bytesOut, value, bytesOut, encoded)
    }
    this.#process()
  }

  /** What came out to a topic since the last call, partition by partition. */
  out<K, V>(topic: Topic<K, V>): OutputRecord<K, V>[]
  out(topic: string): OutputRecord<unknown, unknown>[]
  out(topic: string | { readonly name: string }): OutputRecord<unknown, unknown>[] {
    const name = typeof topic === 'string' ? topic : topic.name
    const { keySerde, valueSerde } = this.#serdes('sink', name)
    return this.rawOut(name).map(({ key, value, ...rest }) => ({
      ...rest,
      key: key === null ? null : keySerde.read(key, 0, key.length),
      value: value === null ? null : valueSerde.read(value, 0, value.length),
    }))
  }

  /** As `out`, as bytes; of any topic, changelogs, repartition and dead-letter topics included. */
  rawOut(topic: string): StoredRecord[] {
    const records: StoredRecord[] = []
    for (let partition = 0; partition < this.#topics.handle(topic).partitions; partition++) {
      records.push(...this.#topics.records(topic, partition, this.#seen.get(topic, partition) ?? 0))
      this.#seen.set(topic, partition, this.#topics.end(topic, partition))
    }
    return records
  }

  /** Commits all tasks, processes what their tables let out, and again until nothing comes out any more. */
  commit(): void {
    do {
      this.#commitTasks()
    } while (this.#process() > 0)
  }

  /** Moves the virtual clock. Stream time is moved by records alone. */
  async advance(duration: Duration): Promise<void> {
    await this.#clock.advance(durationMs(duration, 'advance'))
    this.#process()
  }

  /**
   * As if the process died and came back: what was not committed is forgotten, stores are restored, inputs are read
   * again from where they were committed.
   *
   * With `writes: 'lose'`, the default, what tasks wrote to topics since the last commit is gone too, as under
   * exactly-once: the result is that of a run without the crash. With 'keep' it stays, as under at-least-once: what is
   * read again may be counted twice. With `state: 'delete'` the state directory is gone, and everything is restored
   * from the changelogs.
   */
  async crash(how: CrashOptions = {}): Promise<void> {
    const { state = 'keep', writes = 'lose' } = how
    await this.#stop(state)
    if (writes === 'lose') this.#loseWrites()
    this.#start()
    this.#process()
  }

  /** A table by its store's name. @throws CONFIG where there is none. */
  table(store: string): TableView {
    this.#checkStore(store, 'table')
    return tableView(storesNamed(() => this.#tasks.map(({ task }) => task), store))
  }

  /** A windowed aggregate by its store's name. @throws CONFIG where there is none. */
  windows(store: string): WindowsView {
    this.#checkStore(store, 'window')
    return windowsView(storesNamed(() => this.#tasks.map(({ task }) => task), store))
  }

  /** Records dropped, by reason: `late`, `null-key`, … Crashes included. */
  get dropped(): ReadonlyMap<string, number> {
    const sums = new Map(this.#droppedBefore)
    for (const { task } of this.#tasks) {
      for (const [reason, count] of task.dropped) sums.set(reason, (sums.get(reason) ?? 0) + count)
    }
    return sums
  }

  /** Changelog records read into stores at the start and after crashes. */
  get restored(): number {
    return this.#restored
  }

  /** Lets go of everything. Twice is once. */
  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.#stop('delete')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #start(): void {
    for (const { id, sourceTopics } of this.plan.subtopologies) {
      for (let partition = 0; partition < this.#tasksOf[id]!; partition++) {
        const environment = this.#engine.open(`${this.plan.applicationId}/${id}_${partition}`)
        const task = new StreamTask({
          plan: this.plan,
          subtopology: id,
          partition,
          inputs: sourceTopics.filter((topic) => partition < this.#topics.handle(topic).partitions),
          environment,
          collector: this.#topics,
          clock: this.#clock,
          metrics: this.metrics,
          log: silentLog,
          maxTaskIdleMs: this.#options.maxTaskIdleMs,
          cacheBytesMax: this.#options.cacheBytesMax,
        })
        this.#tasks.push({ task, environment })
        this.#restore(task)
        for (const { topic } of task.inputs) {
          const committed = this.#committed.get(topic, partition)
          this.#buffered.set(topic, partition, committed?.offset ?? 0)
          if (committed !== undefined) task.resumeFrom(topic, partition, committed)
        }
      }
    }
  }

  #restore(task: StreamTask): void {
    const offsets: Record<string, number> = {}
    for (const [store, topic] of task.changelogs) {
      const from = task.storedOffsets[store] ?? 0
      for (const batch of this.#topics.read(topic, task.partition, from))
        this.#restored += task.restoreBatch(store, batch)
      offsets[store] = this.#topics.end(topic, task.partition)
    }
    task.flushStores(offsets)
  }

  async #stop(state: 'keep' | 'delete'): Promise<void> {
    this.#droppedBefore = new Map(this.dropped)
    const tasks = this.#tasks
    this.#tasks = []
    for (const { task, environment } of tasks) {
      task.close()
      await (state === 'keep' ? environment.close() : environment.destroy())
    }
  }

  /** Until nobody has anything left to do. How many records. */
  #process(): number {
    let total = 0
    for (let done = -1; done !== 0; total += done) {
      done = 0
      for (const { task } of this.#tasks) this.#buffer(task)
      for (const { task } of this.#tasks) {
        done += task.process(1000)
        if (task.commitWanted) this.#commitTasks()
      }
    }
    return total
  }

  #buffer(task: StreamTask): void {
    for (const { topic, partition } of task.inputs) {
      const from = this.#buffered.get(topic, partition) ?? 0
      for (const batch of this.#topics.read(topic, partition, from)) {
        task.buffer(batch)
        this.#buffered.set(topic, partition, batch.next)
      }
      task.lag(topic, partition, 0)
    }
  }

  #commitTasks(): void {
    for (const driven of this.#tasks) this.#commitTask(driven)
    this.#ends = this.#topics.ends()
  }

  /** Inputs stay: somebody else wrote them. */
  #loseWrites(): void {
    const written = new Set(this.plan.writtenTopics)
    for (const topic of this.plan.externalSourceTopics) written.delete(topic)
    for (const [{ topic, partition }, end] of this.#topics.ends()) {
      const to = this.#ends.get(topic, partition) ?? 0
      if (!written.has(topic) || to >= end) continue
      this.#topics.truncate(topic, partition, to)
      this.#seen.set(topic, partition, Math.min(to, this.#seen.get(topic, partition) ?? 0))
    }
  }

  #commitTask({ task }: DrivenTask): void {
    task.flushCaches()
    const positions = task.changedPositions()
    const offsets: Record<string, number> = {}
    for (const [store, topic] of task.changelogs) offsets[store] = this.#topics.end(topic, task.partition)
    task.flushStores(offsets)
    for (const [{ topic, partition }, position] of positions) this.#committed.set(topic, partition, position)
    task.committed(positions)
  }

  #serdes(kind: 'source' | 'sink', topic: string): { keySerde: AnySerde; valueSerde: AnySerde } {
    for (const node of this.plan.topology.nodes) {
      if (
        (node.kind === 'source' || node.kind === 'sink') &&
        node.kind === kind &&
        !node.topic.internal &&
        node.topic.name === topic
      )
        return node
    }
    throw configError(
      `driver.${kind === 'source' ? 'in' : 'out'}`,
      `names a topic that is no ${kind} of the topology`,
      topic,
    )
  }

  #checkStore(name: string, kind: 'table' | 'window'): void {
    const spec = this.plan.topology.stores.find((store) => store.name === name)
    const read = spec?.kind === 'window' ? 'Read it with driver.windows.' : undefined
    if (spec?.kind !== kind) throw configError(`driver.${kind}`, `names no ${kind} store of the topology`, name, read)
  }
}

/** A driver for this topology. `await using` it, or `close` it. @throws CONFIG, BAD_OPERATOR */
export function topologyDriver(topology: Topology, options: TopologyDriverOptions = {}): TopologyDriver {
  return new TopologyDriver(topology, options)
}

function isList<T>(given: T | readonly T[]): given is readonly T[] {
  return Array.isArray(given)
}
