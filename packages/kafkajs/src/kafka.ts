import type { Ports } from '@millrace/kernel'
import { nodePorts } from '@millrace/kernel/node'
import { KafkaAdmin } from './admin/kafka-admin.ts'
import type { Admin, AdminConfig } from './admin.ts'
import type { KafkaConfig } from './config.ts'
import { type ConnectionSettings, connectionSettings } from './connection-settings.ts'
import { KafkaConsumer } from './consumer/kafka-consumer.ts'
import { KnownMembers } from './consumer/known-members.ts'
import type { Consumer, ConsumerConfig, ConsumerEvents } from './consumer.ts'
import { Emitter } from './emitter.ts'
import { KafkaJSNonRetriableError } from './errors.ts'
import { networkEvents } from './events.ts'
import { Link } from './link.ts'
import { consoleLogCreator, createLogger, type Logger, logLevel } from './logger.ts'
import { KafkaProducer } from './producer/kafka-producer.ts'
import type { Producer, ProducerConfig } from './producer.ts'
import { type RetryOptions, retryPolicy } from './retry.ts'
import { GroupWatcher } from './wire/group-watcher.ts'
import type { WireWatcher } from './wire/observed-transport.ts'
import { RequestWatcher } from './wire/request-watcher.ts'

const defaultMetadataMaxAgeMs = 300_000

const consumerEvents: ConsumerEvents = {
  ...networkEvents('consumer'),
  HEARTBEAT: 'consumer.heartbeat',
  COMMIT_OFFSETS: 'consumer.commit_offsets',
  GROUP_JOIN: 'consumer.group_join',
  FETCH_START: 'consumer.fetch_start',
  FETCH: 'consumer.fetch',
  START_BATCH_PROCESS: 'consumer.start_batch_process',
  END_BATCH_PROCESS: 'consumer.end_batch_process',
  STOP: 'consumer.stop',
  CRASH: 'consumer.crash',
  REBALANCING: 'consumer.rebalancing',
  RECEIVED_UNSUBSCRIBED_TOPICS: 'consumer.received_unsubscribed_topics',
}

interface LinkWishes {
  readonly retry?: RetryOptions | undefined
  readonly metadataMaxAge?: number | undefined
  readonly allowAutoTopicCreation?: boolean | undefined
}

/**
 * A cluster as kafkajs shows it: makes producers, consumers and admins, each with connections of its own.
 *
 * @throws KafkaJSNonRetriableError for what is asked for and cannot be had
 */
export class Kafka {
  readonly #settings: ConnectionSettings
  readonly #retry: RetryOptions | undefined
  readonly #logger: Logger
  readonly #ports: Ports
  readonly #members = new KnownMembers()

  constructor(config: KafkaConfig) {
    if (config === undefined || config === null) throw new KafkaJSNonRetriableError('Kafka needs a config: { brokers }')
    this.#ports = nodePorts()
    this.#settings = connectionSettings(config)
    this.#retry = config.retry
    const level = config.logLevel ?? logLevel.INFO
    this.#logger = createLogger(this.#ports.clock, level, config.logCreator ?? consoleLogCreator)
  }

  producer(config: ProducerConfig = {}): Producer {
    const events = networkEvents('producer')
    const emitter = this.#emitter('producer', events)
    const watcher = new RequestWatcher(emitter, this.#ports.clock, events, this.#settings.clientId)
    const link = this.#link(config, watcher)
    return new KafkaProducer({ link, emitter, logger: this.#logger, config, events, members: this.#members })
  }

  consumer(config: ConsumerConfig): Consumer {
    const events = { ...consumerEvents }
    const emitter = this.#emitter('consumer', events)
    const watcher = new GroupWatcher(emitter, this.#ports.clock, events, this.#settings.clientId)
    const link = this.#link({ ...config, retry: config?.retry ?? { retries: 5 } }, watcher)
    const parts = { link, emitter, logger: this.#logger, watcher, events, members: this.#members }
    return new KafkaConsumer({ ...parts, config: config ?? { groupId: '' } })
  }

  admin(config: AdminConfig = {}): Admin {
    const events = networkEvents('admin')
    const emitter = this.#emitter('admin', events)
    const watcher = new RequestWatcher(emitter, this.#ports.clock, events, this.#settings.clientId)
    const link = this.#link({ ...config, allowAutoTopicCreation: false }, watcher)
    return new KafkaAdmin({ link, emitter, logger: this.#logger, events })
  }

  logger(): Logger {
    return this.#logger
  }

  #emitter(owner: string, events: object): Emitter {
    return new Emitter(owner, { ...events }, this.#ports.clock, this.#logger)
  }

  #link(wishes: LinkWishes, watcher: WireWatcher): Link {
    return new Link({
      ports: this.#ports,
      settings: this.#settings,
      retry: retryPolicy(this.#retry, wishes.retry),
      logger: this.#logger,
      watcher,
      metadataMaxAgeMs: wishes.metadataMaxAge ?? defaultMetadataMaxAgeMs,
      allowAutoTopicCreation: wishes.allowAutoTopicCreation ?? true,
    })
  }
}
