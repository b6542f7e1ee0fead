import type { Consumer, ConsumerOptions, OffsetAndMetadata, PolledBatch } from '@millrace/client'
import type { Converter, SinkConnector, SinkTask } from '@millrace/connect-api'
import { codeOf, type Offset, remedyFor, type TopicPartition, TopicPartitionMap } from '@millrace/kernel'
import { converterFor, topicsOf } from '../config/check-config.ts'
import { Closing } from './closing.ts'
import { ErrorPolicy } from './error-policy.ts'
import { TopicWatch } from './missing-topics.ts'
import { PolledRecords } from './polled-records.ts'
import { retrying } from './retrying.ts'
import { isRetriable, numberOption, type TaskRun, taskContextOf, textOption } from './task-environment.ts'
import type { TaskEnd, TaskSpec } from './task-spec.ts'

/**
 * Runs one task of a sink as a member of the group `connect-<name>`. Positions are committed only after put and
 * flush of everything
 * before them. While the system cannot be reached the same batch is tried again, and the member goes on polling
 * its paused partitions.
 *
 * @throws what fails the task.
 */
export function runSink(run: TaskRun, connector: SinkConnector): Promise<TaskEnd> {
  const closing = new Closing()
  return closing.around(() => startSink(run, connector, closing))
}

async function startSink(run: TaskRun, connector: SinkConnector, closing: Closing): Promise<TaskEnd> {
  const { spec, environment } = run
  const errors = new ErrorPolicy(run)
  closing.add(() => errors.close())
  await errors.open()
  const context = {
    ...taskContextOf(run),
    reject(batch: unknown, i: number, error: Error) {
      if (!(batch instanceof PolledRecords)) throw error
      batch.reject(i, error)
    },
  }
  const wait = (delayMs: number) => environment.ports.clock.sleep(delayMs, run.control.signal)
  const task = await retrying(run, async () => connector.start(context), wait)
  closing.add(async () => task.stop?.())
  const consumer = environment.client.consumer(consumerOptions(spec))
  closing.add(() => consumer.close())
  const topics = topicsOf(spec.config)
  const watch = new TopicWatch(environment.client.admin(), environment.ports.clock, topics, spec.address, (reason) => {
    if (reason !== undefined) run.log.warn('waiting for topics', { reason })
    run.tell({ type: 'waiting', reason })
  })
  closing.add(() => watch.close())
  return new SinkLoop(run, task, consumer, errors, watch).run()
}

class SinkLoop {
  readonly #run: TaskRun
  readonly #task: SinkTask
  readonly #consumer: Consumer
  readonly #errors: ErrorPolicy
  readonly #watch: TopicWatch
  readonly #converters: { readonly key: Converter; readonly value: Converter }
  readonly #flushIntervalMs: number
  readonly #bytesMax: number
  /** By name; looked up whenever partitions are given. */
  readonly #topicIds = new Map<string, string>()
  /** Where each partition stands, as put or committed. */
  readonly #reached = new TopicPartitionMap<Offset>()
  /** Put, not yet committed. */
  #positions = new TopicPartitionMap<OffsetAndMetadata>()
  /** Taken away while a batch was being tried again: its records are no longer ours to write. */
  #lost = new TopicPartitionMap<true>()
  #holding = false
  #lastCommitMs = 0

  constructor(run: TaskRun, task: SinkTask, consumer: Consumer, errors: ErrorPolicy, watch: TopicWatch) {
    const { spec } = run
    this.#watch = watch
    this.#run = run
    this.#task = task
    this.#consumer = consumer
    this.#errors = errors
    this.#converters = { key: converterFor('key', spec.config), value: converterFor('value', spec.config) }
    this.#flushIntervalMs = numberOption(spec, 'offset.flush.interval.ms') ?? 1000
    this.#bytesMax = numberOption(spec, 'batch.bytes.max') ?? 4_194_304
  }

  async run(): Promise<TaskEnd> {
    const { control, environment, spec } = this.#run
    const { clock } = environment.ports
    this.#consumer.subscribe(topicsOf(spec.config), {
      onAssigned: (partitions) => this.#onAssigned(partitions),
      onRevoked: (partitions) => this.#onRevoked(partitions),
      onLost: (partitions) => this.#onLost(partitions),
    })
    this.#lastCommitMs = clock.monotonicMs()
    let running = false
    while (!control.stopping) {
      this.#watch.look()
      if (control.paused) await this.#pause()
      const polled = await this.#poll()
      if (polled === undefined) break
      if (!running && this.#consumer.assignment().length > 0) {
        running = true
        this.#run.tell({ type: 'running' })
      }
      if (polled.length > 0) await this.#deliver(polled)
      this.#passOver()
      const due = clock.monotonicMs() - this.#lastCommitMs >= this.#flushIntervalMs
      if (this.#positions.size > 0 && (due || polled.length === 0)) await this.#commitOrStop()
      this.#tellLag()
    }
    if (!this.#holding) await this.#commitOnce()
    return { type: 'stopped' }
  }

  async #poll(): Promise<readonly PolledBatch[] | undefined> {
    const { control } = this.#run
    try {
      return await this.#consumer.poll({
        timeoutMs: Math.min(200, this.#flushIntervalMs),
        bytesMax: this.#bytesMax,
        signal: control.signal,
      })
    } catch (error) {
      if (control.stopping && (error === control.signal.reason || codeOf(error) === 'ABORTED')) return undefined
      throw error
    }
  }

  /** Gives a batch to the sink, again and again while its system is away. */
  async #deliver(polled: readonly PolledBatch[]): Promise<void> {
    const { control, counters } = this.#run
    this.#lost.clear()
    const skipped = counters.read().skipped
    const deadLettered = counters.read().deadLettered
    let mine = polled
    let records = new PolledRecords(mine, this.#converters, this.#errors, this.#topicIds)
    try {
      await retrying(
        this.#run,
        async () => {
          if (this.#lost.size > 0) {
            mine = mine.filter(({ topic, partition }) => !this.#lost.has(topic, partition))
            counters.set('skipped', skipped)
            counters.set('deadLettered', deadLettered)
            records = new PolledRecords(mine, this.#converters, this.#errors, this.#topicIds)
            this.#lost.clear()
          }
          if (records.size > 0) await this.#task.put(records)
        },
        (delayMs) => this.#hold(delayMs),
      )
    } catch (error) {
      if (control.stopping && isRetriableOrAbort(error, control.signal)) {
        this.#holding = true // not put: its positions must not be committed, and the system is away
        return
      }
      throw error
    } finally {
      if (!this.#holding) this.#release()
    }
    counters.add('records', records.size)
    counters.add('bytes', records.bytes)
    for (const { topic, partition, next, leaderEpoch } of mine) {
      if (this.#lost.has(topic, partition)) continue
      this.#reached.set(topic, partition, next)
      this.#positions.set(topic, partition, { offset: next, leaderEpoch, metadata: '' })
    }
    if (this.#errors.full) await this.#errors.drained()
  }

  /** Over what holds no records for us, the end of a transaction: uncommitted it would be a lag for ever. */
  #passOver(): void {
    if (this.#holding) return
    for (const at of this.#consumer.assignment()) {
      const position = this.#consumer.position(at)
      if (position === undefined) continue
      const reached = this.#reached.get(at.topic, at.partition)
      this.#reached.set(at.topic, at.partition, position)
      if (reached === undefined || position <= reached) continue
      this.#positions.set(at.topic, at.partition, { offset: position, leaderEpoch: -1, metadata: '' })
    }
  }

  /** Waits with all partitions paused, polling so that the group does not think this member stuck. */
  async #hold(delayMs: number): Promise<void> {
    const { clock } = this.#run.environment.ports
    const { control } = this.#run
    this.#holding = true
    this.#consumer.pause(this.#consumer.assignment())
    const until = clock.monotonicMs() + delayMs
    for (let left = delayMs; left > 0; left = until - clock.monotonicMs()) {
      await this.#consumer.poll({ timeoutMs: Math.ceil(left), signal: control.signal })
    }
    this.#holding = false
  }

  #release(): void {
    const paused = this.#consumer.paused()
    if (paused.length > 0 && !this.#run.control.paused) this.#consumer.resume(paused)
  }

  async #pause(): Promise<void> {
    const { control } = this.#run
    await this.#commitOrStop()
    this.#consumer.pause(this.#consumer.assignment())
    this.#run.tell({ type: 'paused' })
    while (control.paused) await this.#poll()
    if (control.stopping) return
    this.#release()
    this.#run.tell({ type: 'running' })
  }

  async #onAssigned(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#holding || this.#run.control.paused) this.#consumer.pause(partitions)
    await this.#findTopicIds(partitions)
    const given = partitions.map((at) => ({ ...at, topicId: this.#topicIds.get(at.topic) ?? '' }))
    for (const { topic, partition, offset } of (await this.#task.open?.(given)) ?? []) {
      this.#consumer.seek({ topic, partition }, offset)
      // The group may stand behind it, after a crash between the two: without a new record it would for ever.
      this.#positions.set(topic, partition, { offset, leaderEpoch: -1, metadata: '' })
    }
  }

  async #findTopicIds(partitions: readonly TopicPartition[]): Promise<void> {
    const admin = this.#run.environment.client.admin()
    try {
      const topics = await admin.describeTopics([...new Set(partitions.map(({ topic }) => topic))])
      for (const { name, topicId } of topics) this.#topicIds.set(name, topicId)
    } finally {
      await admin.close()
    }
  }

  async #onRevoked(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#holding) for (const { topic, partition } of partitions) this.#lost.set(topic, partition, true)
    await this.#commitOnce()
    await this.#task.close?.(partitions)
    for (const { topic, partition } of partitions) this.#forget(topic, partition)
  }

  #forget(topic: string, partition: number): void {
    this.#positions.delete(topic, partition)
    this.#reached.delete(topic, partition)
  }

  async #onLost(partitions: readonly TopicPartition[]): Promise<void> {
    for (const { topic, partition } of partitions) {
      this.#forget(topic, partition)
      if (this.#holding) this.#lost.set(topic, partition, true)
    }
    await this.#task.close?.(partitions)
  }

  async #commitOrStop(): Promise<void> {
    const { control } = this.#run
    try {
      await retrying(
        this.#run,
        () => this.#commit(),
        (delayMs) => this.#hold(delayMs),
      )
    } catch (error) {
      if (!(control.stopping && isRetriableOrAbort(error, control.signal))) throw error
    } finally {
      this.#release()
    }
  }

  /** A commit that does not insist: what it misses is delivered again. */
  async #commitOnce(): Promise<void> {
    try {
      await this.#commit()
    } catch (error) {
      if (!isRetriable(error)) throw error
      this.#run.log.warn('positions were not committed; their records will be delivered again', {
        reason: String(error),
      })
    }
  }

  async #commit(): Promise<void> {
    if (this.#positions.size === 0) return
    const { clock } = this.#run.environment.ports
    const positions = this.#positions
    await this.#task.flush?.()
    await this.#errors.flush()
    try {
      await this.#consumer.commit(positions)
    } catch (error) {
      const remedy = remedyFor(error)
      if (remedy !== 'rejoin' && remedy !== 'fence') throw error
      this.#run.log.warn('the group has moved on; these records will be delivered again', { reason: String(error) })
    }
    this.#positions = new TopicPartitionMap()
    this.#lastCommitMs = clock.monotonicMs()
    this.#run.counters.add('commits', 1)
  }

  #tellLag(): void {
    const { counters } = this.#run
    let lag = 0
    for (const place of this.#consumer.assignment()) {
      const behind = this.#consumer.currentLag(place)
      if (behind === undefined) return
      lag += behind
    }
    counters.set('lag', lag)
    const { records } = counters.read()
    counters.set('done', records)
    counters.set('total', records + lag)
  }
}

function isRetriableOrAbort(error: unknown, signal: AbortSignal): boolean {
  return isRetriable(error) || error === signal.reason || codeOf(error) === 'ABORTED'
}

function consumerOptions(spec: TaskSpec): ConsumerOptions {
  const prefix = 'consumer.override.'
  const reset = spec.config[`${prefix}auto.offset.reset`]
  const isolation = spec.config[`${prefix}isolation.level`]
  return {
    groupId: textOption(spec, `${prefix}group.id`) ?? `connect-${spec.connector}`,
    // A static member (KIP-345): a task that was killed takes its place again at once, not after its session has
    // run out.
    groupInstanceId: `${spec.connector}-${spec.task}`,
    autoOffsetReset: reset === 'latest' || reset === 'none' ? reset : 'earliest',
    isolation: isolation === 'read_uncommitted' ? 'read_uncommitted' : 'read_committed',
    sessionTimeoutMs: numberOption(spec, `${prefix}session.timeout.ms`),
    heartbeatIntervalMs: numberOption(spec, `${prefix}heartbeat.interval.ms`),
    maxPollIntervalMs: numberOption(spec, `${prefix}max.poll.interval.ms`),
    partitionFetchBytesMax: numberOption(spec, `${prefix}max.partition.fetch.bytes`),
    fetchWaitMs: numberOption(spec, `${prefix}fetch.max.wait.ms`),
  }
}
