import {
  codeOf,
  type DiskLock,
  kafkaError,
  MillraceError,
  messageOf,
  type Ports,
  partitionName,
  type TopicPartition,
  TopicPartitionMap,
} from '@millrace/kernel'
import { Checkpoints } from './checkpoints.ts'
import { clusterIdOf, readTopics, type StoredTopic, saveTopics } from './data-directory-files.ts'
import { DeletedFiles } from './deleted-files.ts'
import { makeDurableDirectory } from './durable-directory.ts'
import { DurablePartition } from './durable-partition.ts'
import { FailedPartitions, rewriteUnsynced } from './failed-partitions.ts'
import { FilePool } from './file-pool.ts'
import { type LogConfig, logConfig } from './log-config.ts'
import type { LogContext } from './log-context.ts'
import { type CheckedLogOptions, checkLogOptions, type LogDirectoryOptions } from './log-options.ts'
import { deletedName, makePartitionDirectories, setStraysAside } from './partition-directories.ts'
import type { LogDirectory, PartitionLog, TopicRecord } from './partition-log.ts'
import { ProducerExpiry } from './producer-expiry.ts'
import { type RecoveryInput, recoverLog } from './recovery.ts'
import { SyncPace } from './sync-pace.ts'
import { checkTopicConfigs } from './topic-configs.ts'
import { checkTopicName } from './topic-name.ts'
import { Upkeep } from './upkeep.ts'

export type LogPorts = Pick<Ports, 'disk' | 'clock' | 'random' | 'log' | 'metrics'>

const cleanMark = '.kafka_cleanshutdown'

/**
 * Opens a data directory, making it where it is missing, and recovers every partition in it. Layout:
 * docs/formats/log-directory.md.
 * A partition whose synced bytes are damaged is left out (`offline` says why); the others open.
 *
 * @throws DIRECTORY_IN_USE, CORRUPT_FILE (of the directory itself), DISK_FULL, DISK_READ_ONLY, DISK_ERROR, CONFIG,
 * INVALID_CONFIG
 */
export async function openLogDirectory(
  path: string,
  ports: LogPorts,
  options: LogDirectoryOptions = {},
): Promise<LogDirectory> {
  const checked = checkLogOptions(options, ports.disk.descriptorsMax())
  await makeDurableDirectory(ports.disk, path)
  const lock = ports.disk.lockDirectory(path)
  try {
    return await OpenLogDirectory.open(path, ports, checked, lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

class OpenLogDirectory implements LogDirectory {
  readonly path: string
  readonly clusterId: string
  readonly topicDefaults: ReadonlyMap<string, string>
  readonly #ports: LogPorts
  readonly #lock: DiskLock
  readonly #context: LogContext
  /** The newest of any partition. One whose disk has failed has a higher one than the others when it is back. */
  #leaderEpoch: number
  readonly #topics = new Map<string, StoredTopic>()
  /** One for all partitions of a topic. */
  readonly #configs = new WeakMap<ReadonlyMap<string, string>, LogConfig>()
  readonly #partitions = new TopicPartitionMap<DurablePartition>()
  readonly #offline = new TopicPartitionMap<OfflinePartition>()
  readonly #producerExpiry: ProducerExpiry
  readonly #upkeep: Upkeep
  readonly #failed: FailedPartitions
  readonly #checkpoints: Checkpoints
  /** Changes of topics run one after the other. */
  #change: Promise<unknown> = Promise.resolve()
  #closed = false

  static async open(
    path: string,
    ports: LogPorts,
    options: CheckedLogOptions,
    lock: DiskLock,
  ): Promise<OpenLogDirectory> {
    const { disk, log } = ports
    const clusterId = await clusterIdOf(disk, path, ports.random, options)
    const clean = disk.exists(`${path}/${cleanMark}`)
    if (clean) {
      disk.remove(`${path}/${cleanMark}`)
      await disk.syncDirectory(path) // or the next start would take a crash for a clean stop
    }
    const stored = readTopics(disk, path)
    const leaderEpoch = stored === undefined ? 0 : stored.leaderEpoch + (clean ? 0 : 1)
    if (!options.syncAcksAll)
      log.warn('acks=all does not wait for the disk: a loss of power may lose acknowledged records')
    const directory = new OpenLogDirectory(path, ports, options, { lock, clusterId, leaderEpoch })
    for (const topic of stored?.topics ?? []) directory.#topics.set(topic.name, topic)
    if (!clean || stored === undefined) await directory.#saveTopics()
    if (!clean && stored !== undefined) log.warn('the last stop was not clean: recovering', { path, leaderEpoch })
    await directory.#openAll(clean)
    directory.#producerExpiry.start()
    directory.#upkeep.start()
    return directory
  }

  constructor(
    path: string,
    ports: LogPorts,
    options: CheckedLogOptions,
    of: { readonly lock: DiskLock; readonly clusterId: string; readonly leaderEpoch: number },
  ) {
    this.path = path
    this.clusterId = of.clusterId
    this.topicDefaults = options.topicDefaults
    this.#ports = ports
    this.#lock = of.lock
    this.#leaderEpoch = of.leaderEpoch
    this.#producerExpiry = new ProducerExpiry(ports.clock, options.producerExpiry, () => this.#partitions.values())
    this.#checkpoints = new Checkpoints(ports, path, (which) => this.#offsets(which))
    this.#context = {
      ...ports,
      pool: new FilePool(ports.disk, options.openFilesMax),
      deleted: new DeletedFiles(ports),
      pace: new SyncPace(ports.clock, options.syncIntervalMs),
      checks: options.checks,
      leaderEpoch: of.leaderEpoch,
      syncAcksAll: options.syncAcksAll,
      defaults: options.topicDefaults,
      partitionFailed: () => this.#failed.watch(),
      recoveryPointMoved: () => this.#checkpoints.schedule(),
      logStartMoved: () => this.#checkpoints.write(),
    }
    this.#failed = new FailedPartitions(ports.clock, options.failedCheckIntervalMs, () => this.#reopenFailed())
    this.#upkeep = new Upkeep(this.#context, options, {
      path,
      disk: ports.disk,
      logs: () => this.#partitions.values(),
      writeCheckpoints: () => this.#checkpoints.write(),
    })
  }

  topics(): readonly TopicRecord[] {
    return [...this.#topics.values()].filter((topic) => !topic.deleting)
  }

  topic(name: string): TopicRecord | undefined {
    const topic = this.#topics.get(name)
    return topic?.deleting === false ? topic : undefined
  }

  partition(topic: string, partition: number): PartitionLog | undefined {
    return this.#partitions.get(topic, partition)
  }

  offline(topic: string, partition: number): Error | undefined {
    return this.#offline.get(topic, partition)?.failure
  }

  createTopic(topic: {
    readonly name: string
    readonly partitions: number
    readonly configs: ReadonlyMap<string, string>
    readonly topicId?: string
  }): Promise<TopicRecord> {
    return this.#inTurn(async () => {
      const { name, partitions } = topic
      if (this.#topics.has(name)) throw kafkaError('TOPIC_ALREADY_EXISTS', `topic ${name}`)
      checkTopicName(name, this.#topics.keys())
      checkPartitionCount(name, partitions, 1)
      checkTopicConfigs(topic.configs)
      const topicId = topic.topicId ?? this.#ports.random.uuid()
      const record: StoredTopic = { name, topicId, partitions, configs: new Map(topic.configs), deleting: false }
      makePartitionDirectories(this.#ports.disk, this.path, record, 0)
      await this.#ports.disk.syncDirectory(this.path)
      await this.#saveTopics(record)
      this.#topics.set(name, record)
      await inGroups(numbers(0, partitions), (partition) => this.#openPartition(record, partition, 'new'))
      return record
    })
  }

  deleteTopic(name: string): Promise<void> {
    return this.#inTurn(async () => {
      const topic = this.#live(name)
      await this.#saveTopics({ ...topic, deleting: true })
      this.#topics.set(name, { ...topic, deleting: true })
      await this.#finishDeletion(topic)
    })
  }

  addPartitions(name: string, total: number): Promise<void> {
    return this.#inTurn(async () => {
      const topic = this.#live(name)
      checkPartitionCount(name, total, topic.partitions + 1)
      const grown = { ...topic, partitions: total }
      makePartitionDirectories(this.#ports.disk, this.path, grown, topic.partitions)
      await this.#ports.disk.syncDirectory(this.path)
      await this.#saveTopics(grown)
      this.#topics.set(name, grown)
      await inGroups(numbers(topic.partitions, total), (partition) => this.#openPartition(grown, partition, 'new'))
    })
  }

  alterConfigs(name: string, configs: ReadonlyMap<string, string>): Promise<void> {
    return this.#inTurn(async () => {
      checkTopicConfigs(configs)
      const altered = { ...this.#live(name), configs: new Map(configs) }
      await this.#saveTopics(altered)
      this.#topics.set(name, altered)
      for (let partition = 0; partition < altered.partitions; partition++) {
        this.#partitions.get(name, partition)?.configure(this.#configOf(altered))
      }
    })
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true // before the wait: who is woken by the last change would begin another one, beside the close
    await this.#change.catch(() => {})
    this.#producerExpiry.stop()
    this.#failed.stop()
    await this.#upkeep.stop()
    const { disk, log } = this.#ports
    const partitions = [...this.#partitions.values()]
    const ends: PromiseSettledResult<void>[] = []
    for (let i = 0; i < partitions.length; i += atOnce) {
      const some = partitions.slice(i, i + atOnce)
      ends.push(...(await Promise.allSettled(some.map((partition) => partition.close()))))
    }
    try {
      await this.#checkpoints.stop()
      await this.#checkpoints.write()
      const failed = ends.find((end) => end.status === 'rejected')
      if (failed === undefined && this.#offline.size === 0) {
        disk.open(`${this.path}/${cleanMark}`, 'open-or-create').close()
        await disk.syncDirectory(this.path)
      } else log.warn('the stop is not a clean one: a partition has failed', { reason: messageOf(failed?.reason) })
    } finally {
      for (const partition of partitions) partition.abandon()
      await this.#context.deleted.close()
      this.#context.pool.closeAll()
      this.#lock.release()
    }
  }

  async #openAll(clean: boolean): Promise<void> {
    const { points, starts } = this.#checkpoints.read()
    const deleting = [...this.#topics.values()].filter((topic) => topic.deleting)
    const live = [...this.#topics.values()].filter((topic) => !topic.deleting)
    const all = live.flatMap((topic) => numbers(0, topic.partitions).map((partition) => ({ topic, partition })))
    await inGroups(all, ({ topic, partition }) => {
      const name = partitionName(topic.name, partition)
      return this.#openPartition(topic, partition, {
        clean,
        point: points.get(name) ?? 0,
        start: starts.get(name) ?? 0,
      })
    })
    // Only now: their checkpoints are written with those of all others.
    for (const topic of deleting) await this.#finishDeletion(topic)
    setStraysAside(this.#ports, this.path, this.#topics, this.#context.deleted)
  }

  async #openPartition(
    topic: StoredTopic,
    partition: number,
    from: 'new' | { readonly clean: boolean; readonly point: number; readonly start: number },
  ): Promise<void> {
    const name = partitionName(topic.name, partition)
    const directory = `${this.path}/${name}`
    const { disk, log } = this.#ports
    const isGone = from !== 'new' && !disk.exists(directory)
    if (isGone) {
      log.error("a partition's directory is gone; it begins anew", { directory })
      makePartitionDirectories(this.#ports.disk, this.path, topic, partition)
      await disk.syncDirectory(this.path)
    }
    const known = from === 'new' ? { clean: true, point: 0, start: 0 } : from
    try {
      const input = { clean: known.clean, recoveryPoint: known.point, logStart: known.start }
      await this.#recover(topic, partition, { ...input, isNew: from === 'new' || isGone }, this.#context)
    } catch (error) {
      this.#setOffline(topic.name, partition, error, known)
    }
  }

  async #recover(
    topic: StoredTopic,
    partition: number,
    input: Pick<RecoveryInput, 'clean' | 'recoveryPoint' | 'settledTo' | 'logStart' | 'isNew'>,
    context: LogContext,
  ): Promise<void> {
    const name = partitionName(topic.name, partition)
    const directory = `${this.path}/${name}`
    const config = this.#configOf(topic)
    const { compacted, indexIntervalBytes } = config
    const recovered = await recoverLog(context, { ...input, directory, name, compacted, indexIntervalBytes })
    const of = { at: { topic: topic.name, partition }, topicId: topic.topicId, directory, config }
    this.#partitions.set(topic.name, partition, new DurablePartition(context, of, recovered))
  }

  #setOffline(topic: string, partition: number, error: unknown, known: { point: number; start: number }): void {
    const name = partitionName(topic, partition)
    const failure = kafkaError('KAFKA_STORAGE_ERROR', name, messageOf(error), error)
    this.#partitions.delete(topic, partition)
    this.#offline.set(topic, partition, { failure, recoveryPoint: known.point, logStart: known.start })
    this.#ports.log.error('a partition cannot be opened; the others go on', {
      partition: name,
      reason: failure.message,
    })
  }

  /** Partitions whose disk has failed, where it works again. Whether none is left. */
  async #reopenFailed(): Promise<boolean> {
    let allOpen = true
    for (const [at, log] of [...this.#partitions]) {
      if (log.failure === undefined || this.#closed) continue
      try {
        await this.#inTurn(() => this.#reopen(at, log))
      } catch {
        allOpen = false // as the log has said when it failed
      }
    }
    return allOpen
  }

  /**
   * As after an unclean stop, for one partition: what its disk has lost is cut off, under a new leader epoch, by which
   * clients find out. @throws what the disk throws
   */
  async #reopen({ topic: name, partition }: TopicPartition, failed: DurablePartition): Promise<void> {
    const topic = this.#topics.get(name)
    if (topic?.deleting !== false || this.#partitions.get(name, partition) !== failed) return
    await rewriteUnsynced(this.#context, failed)
    this.#leaderEpoch++
    await this.#saveTopics()
    await this.#checkpoints.write()
    failed.abandon()
    const { syncedTo: recoveryPoint, settledTo, logStart } = failed
    const context = { ...this.#context, leaderEpoch: this.#leaderEpoch }
    try {
      await this.#recover(topic, partition, { clean: false, recoveryPoint, settledTo, logStart, isNew: false }, context)
    } catch (error) {
      if (codeOf(error) !== 'CORRUPT_FILE') throw error
      this.#setOffline(name, partition, error, { point: failed.recoveryPoint, start: logStart })
      return
    } finally {
      failed.wake() // who looked again meanwhile has found the old one
    }
    const { metrics, log } = this.#ports
    const help = 'Partitions that were opened again after their disk had failed.'
    metrics.counter('millrace_log_partitions_reopened_total', help).add()
    const end = this.#partitions.get(name, partition)?.highWatermark
    log.warn('the partition takes appends again', {
      partition: failed.name,
      end,
      lost: failed.highWatermark - (end ?? 0),
    })
  }

  #configOf({ configs }: StoredTopic): LogConfig {
    const known = this.#configs.get(configs)
    if (known !== undefined) return known
    const config = logConfig(configs, this.#context.defaults)
    this.#configs.set(configs, config)
    return config
  }

  /** Its record says "deleting", so it is finished by whoever comes next, also after a crash. */
  async #finishDeletion(topic: StoredTopic): Promise<void> {
    const { disk } = this.#ports
    const renamed: string[] = []
    const directories = numbers(0, topic.partitions).map((each) => `${this.path}/${partitionName(topic.name, each)}`)
    // What a roll has left to be synced is open as well, and a topic of the same name would write into it.
    this.#context.pool.closeIn(new Set(directories))
    for (const [partition, directory] of directories.entries()) {
      this.#partitions.get(topic.name, partition)?.abandon()
      this.#partitions.delete(topic.name, partition)
      this.#offline.delete(topic.name, partition)
      if (!disk.exists(directory)) continue
      const aside = `${this.path}/${deletedName(topic, partition)}`
      disk.rename(directory, aside)
      renamed.push(aside)
    }
    await disk.syncDirectory(this.path)
    this.#context.deleted.remove(renamed)
    // Before the name is free: a topic made anew under it begins at 0.
    await this.#checkpoints.write()
    await this.#upkeep.forget(topic.name, topic.partitions)
    this.#topics.delete(topic.name)
    await this.#saveTopics()
  }

  #live(name: string): StoredTopic {
    const topic = this.#topics.get(name)
    if (topic === undefined || topic.deleting) throw kafkaError('UNKNOWN_TOPIC_OR_PARTITION', `topic ${name}`)
    return topic
  }

  /** @param changed takes the place of the topic of its name. */
  async #saveTopics(changed?: StoredTopic): Promise<void> {
    const topics = new Map(this.#topics)
    if (changed !== undefined) topics.set(changed.name, changed)
    await saveTopics(this.#ports.disk, this.path, { leaderEpoch: this.#leaderEpoch, topics: [...topics.values()] })
  }

  #inTurn<T>(change: () => Promise<T>): Promise<T> {
    if (this.#closed)
      return Promise.reject(new MillraceError('CLOSED', 'the log directory is closed', { place: this.path }))
    const next = this.#change.catch(() => {}).then(change)
    this.#change = next
    return next
  }

  /**
   * Of all partitions; one that cannot be opened keeps what was known of it, or its damage would pass for a torn
   * tail.
   */
  #offsets(which: 'recoveryPoint' | 'logStart') {
    return [...this.#partitions, ...this.#offline].map(([{ topic, partition }, known]) => ({
      topic,
      partition,
      at: known[which],
    }))
  }
}

/** A partition that cannot be opened, with what its checkpoints say. */
interface OfflinePartition {
  readonly failure: MillraceError
  readonly recoveryPoint: number
  readonly logStart: number
}

function checkPartitionCount(name: string, count: number, min: number): void {
  if (Number.isSafeInteger(count) && count >= min && count <= partitionsMax) return
  throw kafkaError('INVALID_PARTITIONS', `topic ${name}`, `${count} is not between ${min} and ${partitionsMax}.`)
}

const partitionsMax = 100_000
/** Each holds a few files open meanwhile. */
const atOnce = 64

/** Works on a few at a time, to the end of all. @throws the first failure */
async function inGroups<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  let failed: PromiseRejectedResult | undefined
  for (let i = 0; i < items.length && failed === undefined; i += atOnce) {
    const ends = await Promise.allSettled(items.slice(i, i + atOnce).map(work))
    failed = ends.find((end) => end.status === 'rejected')
  }
  if (failed !== undefined) throw failed.reason
}

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
