import type { Assignor, ConsumerOptions } from '@millrace/client'
import type { Cluster } from '@millrace/client/internal'
import { MillraceError, type Timer } from '@millrace/kernel'
import { describedGroups } from '../admin/groups.ts'
import { loadedClient } from '../client-module.ts'
import type {
  Consumer,
  ConsumerConfig,
  ConsumerEvents,
  ConsumerRunConfig,
  ConsumerSubscribeTopic,
  ConsumerSubscribeTopics,
  GroupDescription,
} from '../consumer.ts'
import type { Emitter } from '../emitter.ts'
import {
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
} from '../errors.ts'
import { toKafkaJS } from '../failure.ts'
import type { Link } from '../link.ts'
import type { Logger } from '../logger.ts'
import type { TopicPartitionOffset, TopicPartitionOffsetAndMetadata, TopicPartitions } from '../message.ts'
import type { GroupWatcher } from '../wire/group-watcher.ts'
import { bridged, ClusterView } from './assigner-bridge.ts'
import { checkedCommits, checkedPauses, checkedSeek, checkedSubscriptions } from './checked-arguments.ts'
import type { KnownMembers } from './known-members.ts'
import type { CommitTopics } from './offset-book.ts'
import { PauseBook, type PauseTarget } from './pause-book.ts'
import { PartitionAssigners } from './round-robin-assigner.ts'
import { Runner } from './runner.ts'

export interface KafkaConsumerParts {
  readonly link: Link
  readonly emitter: Emitter
  readonly logger: Logger
  readonly watcher: GroupWatcher
  readonly config: ConsumerConfig
  readonly events: ConsumerEvents
  readonly members: KnownMembers
}

const notRunning = 'Consumer group was not initialized, consumer#run must be called first'

/** kafkajs's consumer: what it is subscribed to, and the run that is under way. */
export class KafkaConsumer implements Consumer {
  readonly events: ConsumerEvents
  readonly on: Consumer['on']
  readonly #link: Link
  readonly #emitter: Emitter
  readonly #logger: Logger
  readonly #watcher: GroupWatcher
  readonly #config: ConsumerConfig
  readonly #members: KnownMembers
  readonly #view: ClusterView
  readonly #fromBeginning = new Map<string, boolean>()
  #pauses = new PauseBook()
  #cluster: Cluster | undefined
  #runner: Runner | undefined
  #isActive = false
  #early: TopicPartitionOffset[] = []
  #stopping: Promise<void> | undefined
  #restart: Timer | undefined

  constructor({ link, emitter, logger, watcher, config, events, members }: KafkaConsumerParts) {
    const { groupId, heartbeatInterval = 3_000, sessionTimeout = 30_000 } = config
    if (!groupId) throw new KafkaJSNonRetriableError('Consumer groupId must be a non-empty string.')
    if (heartbeatInterval >= sessionTimeout) {
      throw new KafkaJSNonRetriableError(
        `Consumer heartbeatInterval (${heartbeatInterval}) must be lower than sessionTimeout (${sessionTimeout}). ` +
          'It is recommended to set heartbeatInterval to approximately a third of the sessionTimeout.',
      )
    }
    this.events = events
    this.#link = link
    this.#emitter = emitter
    this.#logger = logger.namespace('Consumer')
    this.#watcher = watcher
    this.#config = config
    this.#members = members
    this.#view = new ClusterView(() => this.#cluster)
    this.on = (eventName, listener) => this.#emitter.on(eventName, listener)
  }

  async connect(): Promise<void> {
    this.#cluster = await this.#link.open()
    this.#emitter.emit(this.events.CONNECT, null)
  }

  async disconnect(): Promise<void> {
    await this.stop()
    await this.#link.close()
    this.#cluster = undefined
    this.#emitter.emit(this.events.DISCONNECT, null)
  }

  async subscribe(subscription: ConsumerSubscribeTopics | ConsumerSubscribeTopic): Promise<void> {
    if (this.#isActive) throw new KafkaJSNonRetriableError('Cannot subscribe to topic while consumer is running')
    const patterns = checkedSubscriptions(subscription)
    const names: string[] = []
    if (patterns.some((pattern) => typeof pattern !== 'string')) {
      const { topics } = await this.#link.metadata(null)
      const known = topics.flatMap(({ name }) => name ?? [])
      for (const pattern of patterns) {
        if (typeof pattern !== 'string') names.push(...known.filter((name) => matches(pattern, name)))
      }
    }
    names.push(...patterns.filter((pattern) => typeof pattern === 'string'))
    for (const name of names) this.#fromBeginning.set(name, subscription.fromBeginning ?? false)
    if (names.length > 0) await this.#link.metadata(names)
  }

  async run(config: ConsumerRunConfig = {}): Promise<void> {
    if (this.#isActive) {
      const { groupId } = this.#config
      this.#logger.warn('consumer#run was called, but the consumer is already running', { groupId })
      return
    }
    this.#isActive = true
    await this.#start(config)
  }

  async #start(config: ConsumerRunConfig): Promise<void> {
    const { groupId } = this.#config
    this.#logger.info('Starting', { groupId })
    try {
      this.#cluster = await this.#link.open()
      this.#emitter.emit(this.events.CONNECT, null)
      const runner = new Runner(this.#cluster, {
        ...this.#runnerParts(await this.#assignors()),
        config,
        onCrash: (error) => void this.#crashed(error, config),
      })
      if (!this.#isActive) return
      this.#runner = runner
      this.#members.add(runner)
      for (const sought of this.#early.splice(0)) runner.seek(sought)
      await runner.start()
    } catch (error) {
      await this.#crashed(toKafkaJS(error), config)
    }
  }

  /**
   * The program's, else cooperative-sticky. A member of a group that has divided its partitions otherwise, such as one of
   * kafkajs's, can do both: the group moves on when its last member that cannot is gone, and is cooperative from the next
   * restarts on (KIP-429).
   */
  async #assignors(): Promise<readonly Assignor[]> {
    const { groupId, partitionAssigners } = this.#config
    const topics = [...this.#fromBeginning.keys()]
    const parts = { cluster: this.#view, groupId, logger: this.#logger }
    if (partitionAssigners !== undefined) return partitionAssigners.map((make) => bridged(make(parts), topics))
    const cooperative = loadedClient().cooperativeStickyAssignor()
    return (await this.#isFree(cooperative.name))
      ? [cooperative]
      : [cooperative, bridged(PartitionAssigners.roundRobin(parts), topics)]
  }

  /** Whether the group divides as we like it best, or not at all yet. Who cannot tell must be able to do both. */
  async #isFree(cooperative: string): Promise<boolean> {
    try {
      const { state, protocol } = await this.describeGroup()
      return state === 'Empty' || state === 'Dead' || protocol === cooperative || protocol === ''
    } catch (error) {
      this.#logger.debug(`The group cannot be described: ${toKafkaJS(error).message}`)
      return false
    }
  }

  #runnerParts(assignors: readonly Assignor[]) {
    const { groupId, maxBytesPerPartition = 1_048_576, maxBytes = 10_485_760 } = this.#config
    const { sessionTimeout = 30_000 } = this.#config
    const topics = [...this.#fromBeginning.keys()]
    const logger = this.#logger
    return {
      link: this.#link,
      emitter: this.#emitter,
      events: this.events,
      logger,
      watcher: this.#watcher,
      groupId,
      topics,
      options: this.#options(),
      assignors,
      pauses: this.#pauses,
      maxBytesPerPartition,
      maxBytes,
      sessionTimeoutMs: sessionTimeout,
    }
  }

  #options(): ConsumerOptions {
    const config = this.#config
    const { maxBytesPerPartition = 1_048_576, maxBytes = 10_485_760 } = config
    return {
      groupId: config.groupId,
      autoOffsetReset: (topic) => (this.#fromBeginning.get(topic) === true ? 'earliest' : 'latest'),
      isolation: config.readUncommitted === true ? 'read_uncommitted' : 'read_committed',
      sessionTimeoutMs: config.sessionTimeout ?? 30_000,
      heartbeatIntervalMs: config.heartbeatInterval ?? 3_000,
      maxPollIntervalMs: config.rebalanceTimeout ?? 60_000,
      prefetchBytesMax: Math.max(maxBytes, maxBytesPerPartition),
      partitionFetchBytesMax: maxBytesPerPartition,
      fetchWaitMs: config.maxWaitTimeInMs ?? 5_000,
      rackId: config.rackId === '' ? undefined : config.rackId,
    }
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop().finally(() => {
      this.#stopping = undefined
    })
    return this.#stopping
  }

  async #stop(): Promise<void> {
    this.#restart?.cancel()
    const runner = this.#runner
    this.#isActive = false
    this.#runner = undefined
    if (runner !== undefined) {
      await runner.stop()
      this.#members.remove(runner)
      this.#emitter.emit(this.events.STOP, null)
    }
    this.#pauses = new PauseBook()
    this.#logger.info('Stopped', { groupId: this.#config.groupId })
  }

  /** Leaves and, where it may pass, comes back later. */
  async #crashed(error: Error, config: ConsumerRunConfig): Promise<void> {
    const { groupId, retry } = this.#config
    const tries = error instanceof KafkaJSNumberOfRetriesExceeded ? error : undefined
    this.#logger.error(`Crash: ${error.name}: ${error.message}`, {
      groupId,
      retryCount: tries?.retryCount,
      stack: error.stack,
    })
    await this.disconnect().catch((failure: unknown) => {
      this.#logger.error(`Caught error when disconnecting the consumer: ${toKafkaJS(failure).message}`, { groupId })
    })
    const passes = tries !== undefined || mayPass(error) || this.#isOutvoted(error)
    const restart = passes ? await this.#mayRestart(error) : false
    this.#emitter.emit(this.events.CRASH, { error, groupId, restart })
    if (!restart) return
    const retryTime = tries?.retryTime ?? retry?.initialRetryTime ?? 300
    this.#logger.error(`Restarting the consumer in ${retryTime}ms`, {
      retryCount: tries?.retryCount,
      retryTime,
      groupId,
    })
    this.#isActive = true
    this.#restart = this.#link.ports.clock.after(retryTime, () => void this.#start(config))
  }

  /** Members of kafkajs's came into the group while this one joined: next time it can do what they can. */
  #isOutvoted(error: Error): boolean {
    if (this.#config.partitionAssigners !== undefined || !(error instanceof KafkaJSProtocolError)) return false
    return error.type === 'INCONSISTENT_GROUP_PROTOCOL'
  }

  async #mayRestart(error: Error): Promise<boolean> {
    const ask = this.#config.retry?.restartOnFailure
    if (ask === undefined) return true
    try {
      return await ask(error)
    } catch (failure) {
      const { message } = toKafkaJS(failure)
      const text = 'Caught error when invoking user-provided "restartOnFailure" callback. Defaulting to restarting.'
      this.#logger.error(text, { error: message, cause: error.message, groupId: this.#config.groupId })
      return true
    }
  }

  async commitOffsets(topicPartitions: Array<TopicPartitionOffsetAndMetadata> = []): Promise<void> {
    const topics: CommitTopics = checkedCommits(topicPartitions)
    const runner = this.#running()
    if (topics.length === 0) return
    try {
      await runner?.offsets.commit(topics)
    } catch (error) {
      throw toKafkaJS(error)
    }
  }

  seek(target: TopicPartitionOffset): void {
    const checked = checkedSeek(target)
    const runner = this.#running()
    if (runner === undefined) this.#early.push(checked)
    else runner.seek(checked)
  }

  async describeGroup(): Promise<GroupDescription> {
    const [group] = await describedGroups(this.#link, [this.#config.groupId])
    if (group === undefined) throw new KafkaJSError('The coordinator does not describe the group')
    return group
  }

  pause(topics: readonly PauseTarget[] = []): void {
    const targets = checkedPauses('pause', topics)
    const runner = this.#running()
    if (runner === undefined) for (const target of targets) this.#pauses.pause(target)
    else runner.pauseTargets(targets)
  }

  paused(): TopicPartitions[] {
    return this.#runner?.paused() ?? []
  }

  resume(topics: readonly PauseTarget[] = []): void {
    const targets = checkedPauses('resume', topics)
    const runner = this.#running()
    if (runner === undefined) for (const target of targets) this.#pauses.resume(target)
    else runner.resumeTargets(targets)
  }

  logger(): Logger {
    return this.#logger
  }

  /** The run; undefined while it connects. @throws KafkaJSNonRetriableError without one */
  #running(): Runner | undefined {
    if (!this.#isActive) throw new KafkaJSNonRetriableError(notRunning)
    return this.#runner
  }
}

/** What lies at the bottom decides, as in kafkajs; the client's own words below kafkajs's do not count. */
function mayPass(error: Error): boolean {
  let bottom: unknown = error
  for (let at: unknown = error; at instanceof Error; at = at.cause) if (!(at instanceof MillraceError)) bottom = at
  return bottom instanceof KafkaJSError && bottom.retriable
}

/** Without the memory that a RegExp with the flag `g` has. */
function matches(pattern: RegExp, name: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(name)
}
