import type { OffsetAndMetadata, PolledBatch } from '@millrace/client'
import {
  type Clock,
  type Log,
  type Metrics,
  type Offset,
  type TopicPartition,
  TopicPartitionMap,
} from '@millrace/kernel'
import { BatchCursor, isControl } from '@millrace/record/internal'
import type { FlushedOffsets, StoreEnvironment } from '@millrace/store'
import { type Plan, type Subtopology, subtopologyOf } from '../topology/plan.ts'
import type { ErrorPolicies } from '../topology/topology.ts'
import { buildProcessors, type Processors } from './build-processors.ts'
import type { Collector } from './collector.ts'
import { decodeStreamTimes, encodeStreamTimes } from './commit-metadata.ts'
import { CurrentRecord } from './current-record.ts'
import { DroppedRecords, type DropReason } from './dropped-records.ts'
import { HiddenState } from './hidden-state.ts'
import { PartitionGroup } from './partition-group.ts'
import { PartitionQueue } from './partition-queue.ts'
import { RecordErrors, type SourceRecord } from './record-errors.ts'
import { openStores, type TaskStore } from './task-stores.ts'

export interface TaskOptions {
  readonly plan: Plan
  /** Id of the sub-topology. */
  readonly subtopology: number
  readonly partition: number
  /**
   * Topics of the sub-topology that have this partition; where topics are unequal, the smaller ones lack the last ones.
   * @default all
   */
  readonly inputs?: readonly string[] | undefined
  /** All stores of this task; closed by whoever opened it. */
  readonly environment: StoreEnvironment
  readonly collector: Collector
  readonly clock: Clock
  readonly metrics: Metrics
  readonly log: Log
  /**
   * How long an input that has caught up, and is empty, is waited for before others go on. 0: not, only for what is
   * known to lie at the broker, or may. -1: never, also not for that. @default 0, as Kafka Streams
   */
  readonly maxTaskIdleMs?: number | undefined
  /**
   * Dirty and clean bytes that the caches may hold together; past it the task asks for a commit. @default no bound of
   * its own
   */
  readonly cacheBytesMax?: number | undefined
  /** @default the topology's */
  readonly errors?: ErrorPolicies | undefined
}

/**
 * One sub-topology over one partition of each of its topics: takes batches, runs their records through the steps in
 * order of time, and keeps the state. Synchronous and single-threaded; everything that waits is its driver's:
 *
 *   restore(…) until the changelogs' ends → buffer(batch) and process(n), again and again; at each commit
 *   flushCaches() → the collector's records acknowledged → flushStores(changelog ends)
 *     → commit changedPositions() → committed().
 */
export class StreamTask {
  /** `<sub-topology>_<partition>` */
  readonly id: string
  readonly partition: number
  readonly subtopology: Subtopology
  /** What it reads. */
  readonly inputs: readonly TopicPartition[]
  /** Store name to changelog topic. The partition is the task's. */
  readonly changelogs: ReadonlyMap<string, string>
  /** By name, for interactive queries. The cache is included. */
  readonly stores: ReadonlyMap<string, TaskStore>
  readonly #environment: StoreEnvironment
  readonly #collector: Collector
  readonly #record = new CurrentRecord()
  readonly #cursor = new BatchCursor()
  readonly #errors: RecordErrors
  readonly #dropped: DroppedRecords
  readonly #processors: Processors
  readonly #queues = new TopicPartitionMap<PartitionQueue>()
  readonly #group: PartitionGroup
  readonly #stores: readonly TaskStore[]
  readonly #cacheBytesMax: number
  #source: PartitionQueue | undefined
  #processed = 0
  #commitWanted = false
  #closed = false

  /**
   * Applies the topology's RxJS operators. @throws BAD_OPERATOR for one that cannot work in a task, and what the
   * environment throws.
   */
  constructor(options: TaskOptions) {
    const { plan, partition, collector, environment } = options
    this.subtopology = subtopologyOf(plan, options.subtopology)
    this.id = `${options.subtopology}_${partition}`
    this.partition = partition
    this.#environment = environment
    this.#collector = collector
    this.#cacheBytesMax = options.cacheBytesMax ?? Number.POSITIVE_INFINITY
    this.#dropped = new DroppedRecords(options.metrics, plan.applicationId)
    const policies = options.errors ?? plan.topology.errors
    this.#errors = new RecordErrors(policies, collector, this.#dropped, () => this.#sourceRecord())
    const context = {
      id: this.id,
      partition,
      record: this.#record,
      errors: this.#errors,
      dropped: this.#dropped,
      collector,
    }
    this.#processors = buildProcessors(plan, this.subtopology, context, new HiddenState(options.log))
    this.#stores = openStores(this.subtopology, this.#processors, environment, context)
    this.stores = new Map(this.#stores.map((store) => [store.spec.name, store]))
    this.changelogs = new Map(this.#stores.map(({ spec, changelog }) => [spec.name, changelog]))
    const topics = options.inputs ?? this.subtopology.sourceTopics
    for (const topic of topics) {
      this.#queues.set(topic, partition, new PartitionQueue(topic, partition, this.#processors.sources.get(topic)!))
    }
    this.inputs = topics.map((topic) => ({ topic, partition }))
    this.#group = new PartitionGroup([...this.#queues.values()], options.clock, options.maxTaskIdleMs ?? 0)
    for (const processor of this.#processors.all.toReversed()) processor.start()
  }

  /**
   * Takes what was polled for one of its inputs. No bound of its own: its driver pauses the input by `bufferedBytes`.
   */
  buffer(batch: PolledBatch): void {
    this.#queueOf(batch.topic, batch.partition).add(batch)
    this.#group.changed()
  }

  bufferedBytes(topic: string, partition: number): number {
    return this.#queueOf(topic, partition).bytes
  }

  bufferedRecords(topic: string, partition: number): number {
    return this.#queueOf(topic, partition).records
  }

  /**
   * Records of an input that the broker is known to have beyond what was buffered (`currentLag`); undefined: not known.
   */
  lag(topic: string, partition: number, known: number | undefined): void {
    this.#queueOf(topic, partition).lag = known
    this.#group.changed()
  }

  /** True when `process` would do something now. */
  get ready(): boolean {
    return this.#group.ready()
  }

  /**
   * How long, on the monotonic clock, until an empty input is no longer waited for; undefined: nothing is waited for by
   * time.
   */
  get readyInMs(): number | undefined {
    return this.#group.readyInMs()
  }

  /**
   * Processes up to `recordsMax` records and says how many. Stops earlier where an input must be waited for, the
   * collector is full, or the caches ask for a commit.
   *
   * @throws what stops the task: its policy was 'fail', an operator broke the rules, or a bug. Nothing past it may be
   * committed.
   */
  process(recordsMax: number): number {
    if (this.#errors.fatal !== undefined) throw this.#errors.fatal
    let done = 0
    while (done < recordsMax && !this.#collector.full) {
      const queue = this.#group.next()
      if (queue === undefined) break
      this.#source = queue
      queue.source.take(queue.cursor)
      if (this.#errors.fatal !== undefined) throw this.#errors.fatal
      queue.timeMs = Math.max(queue.timeMs, queue.headMs)
      queue.advance()
      done++
      if (this.#relieveCaches()) break
    }
    this.#source = undefined
    this.#processed += done
    return done
  }

  /** The caches hold more than they may: commit, then `shrinkCaches`. */
  get commitWanted(): boolean {
    return this.#commitWanted
  }

  /** Bytes in the caches of its stores, about. */
  get cacheBytes(): number {
    let bytes = 0
    for (const { store } of this.#stores) bytes += store.cacheBytes
    return bytes
  }

  /** Entries that a commit would write. */
  get dirtyCount(): number {
    let count = 0
    for (const { store } of this.#stores) count += store.dirtyCount
    return count
  }

  /** Records processed since the start. */
  get processed(): number {
    return this.#processed
  }

  /** Records dropped since the start, by reason; by node in the metrics. */
  get dropped(): ReadonlyMap<DropReason, number> {
    return this.#dropped.totals
  }

  /** The latest timestamp processed, over all inputs; -1 before the first. */
  get streamTimeMs(): number {
    let latest = -1
    for (const { timeMs } of this.#queues.values()) latest = Math.max(latest, timeMs)
    return latest
  }

  /**
   * First step of a commit: what the caches hold goes to the changelogs, to the stores' pending writes and to the steps
   * behind.
   */
  flushCaches(): void {
    if (this.#errors.fatal !== undefined) throw this.#errors.fatal
    this.#source = undefined
    for (const store of this.#stores) {
      store.expire()
      store.store.flushCache()
      if (this.#errors.fatal !== undefined) throw this.#errors.fatal
    }
    this.#commitWanted = false
  }

  /** Third step: one atomic write. `offsets` by store: the changelog offset after the last acknowledged record. */
  flushStores(offsets: FlushedOffsets): void {
    this.#environment.flush(offsets)
    if (this.cacheBytes > this.#cacheBytesMax / 2) this.#shrinkCaches()
  }

  /**
   * What may be committed, of inputs that moved: taken right after `flushCaches`, before anything else is processed.
   */
  changedPositions(): TopicPartitionMap<OffsetAndMetadata> {
    const positions = new TopicPartitionMap<OffsetAndMetadata>()
    const nodeTimesMs = this.#processors.nodeTimes()
    for (const [at, queue] of this.#queues) {
      const offset = queue.positions.lowestUnfinished
      if (offset === undefined || !queue.positions.changed) continue
      const metadata = encodeStreamTimes({ partitionTimeMs: queue.timeMs, nodeTimesMs })
      positions.set(at.topic, at.partition, { offset, leaderEpoch: queue.positions.leaderEpoch, metadata })
    }
    return positions
  }

  /** The consumer stands at `position` of an input; all before it was buffered. Whether that moved us. */
  passTo(topic: string, partition: number, position: Offset): boolean {
    const queue = this.#queueOf(topic, partition)
    return queue.passTo(position, queue.positions.leaderEpoch)
  }

  /** Last step: these positions were committed. */
  committed(positions: TopicPartitionMap<OffsetAndMetadata>): void {
    for (const [{ topic, partition }, { offset }] of positions)
      this.#queueOf(topic, partition).positions.committed(offset)
  }

  /** Before the first record: takes up the times that were committed with an input's position. */
  resumeFrom(topic: string, partition: number, committed: OffsetAndMetadata): void {
    const { partitionTimeMs, nodeTimesMs } = decodeStreamTimes(committed.metadata)
    const queue = this.#queueOf(topic, partition)
    queue.timeMs = Math.max(queue.timeMs, partitionTimeMs)
    queue.positions.committed(committed.offset)
    this.#processors.resumeNodeTimes(nodeTimesMs)
  }

  /** What the stores on disk stand for: by store, the changelog offset to restore from. */
  get storedOffsets(): FlushedOffsets {
    return this.#environment.offsets
  }

  /** One changelog record, as it lies in its batch, into a store. `From` -1: null. */
  restore(
    store: string,
    bytes: Buffer,
    keyFrom: number,
    keyTo: number,
    valueFrom: number,
    valueTo: number,
    timestampMs: number,
  ): void {
    if (keyFrom < 0) return // no record of ours: a changelog has keys
    const value = valueFrom < 0 ? null : bytes.subarray(valueFrom, valueTo)
    this.stores.get(store)!.store.restore(bytes.subarray(keyFrom, keyTo), value, timestampMs)
  }

  /** Every record of a changelog batch. How many there were. */
  restoreBatch(store: string, { batch, from }: Pick<PolledBatch, 'batch' | 'from'>): number {
    if (isControl(batch)) return 0
    const cursor = this.#cursor.open(batch)
    let records = 0
    while (cursor.next()) {
      if (cursor.offset < from) continue
      const { bytes, keyFrom, keyTo, valueFrom, valueTo, timestampMs } = cursor
      this.restore(store, bytes, keyFrom, keyTo, valueFrom, valueTo, timestampMs)
      records++
    }
    cursor.release()
    return records
  }

  /**
   * Lets go of the operators. The environment is its opener's to close; what was not committed is dropped. Twice is
   * once.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const processor of this.#processors.all) processor.stop()
  }

  /** Past the bound: gives up what is clean. True when it is changes that fill the caches. */
  #relieveCaches(): boolean {
    const max = this.#cacheBytesMax
    if (max === Number.POSITIVE_INFINITY || this.cacheBytes <= max) return false
    this.#shrinkCaches()
    // Well below the bound, or the next records would shrink it again and again.
    this.#commitWanted = this.cacheBytes > max * 0.75
    return this.#commitWanted
  }

  #shrinkCaches(): void {
    const part = this.#cacheBytesMax / 2 / this.cacheBytes
    for (const { store } of this.#stores) store.shrink(Math.floor(store.cacheBytes * part))
  }

  #queueOf(topic: string, partition: number): PartitionQueue {
    const queue = this.#queues.get(topic, partition)
    if (queue === undefined) throw new RangeError(`task ${this.id} does not read ${topic}-${partition}`)
    return queue
  }

  #sourceRecord(): SourceRecord | undefined {
    const queue = this.#source
    if (queue === undefined) return undefined
    const { topic, partition, cursor, headOffset, headMs } = queue
    const { bytes, keyFrom, keyTo, valueFrom, valueTo } = cursor
    return {
      topic,
      partition,
      offset: headOffset,
      timestampMs: headMs,
      key: keyFrom < 0 ? null : bytes.subarray(keyFrom, keyTo),
      value: valueFrom < 0 ? null : bytes.subarray(valueFrom, valueTo),
    }
  }
}
