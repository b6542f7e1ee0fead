import type { ProducerOptions } from '@millrace/client'
import type { Cluster, CodecName } from '@millrace/client/internal'
import { KiB } from '@millrace/kernel'
import type { KnownMembers } from '../consumer/known-members.ts'
import type { Emitter } from '../emitter.ts'
import { KafkaJSError, KafkaJSNonRetriableError } from '../errors.ts'
import type { InstrumentationEvent } from '../events.ts'
import type { Link } from '../link.ts'
import type { Logger } from '../logger.ts'
import type { ProducerBatch, ProducerRecord, RecordMetadata, TopicMessages } from '../message.ts'
import type { Producer, ProducerConfig, ProducerEvents, Transaction } from '../producer.ts'
import { CompressionTypes } from '../resource-types.ts'
import { MessageSender, type Sendable } from './message-sender.ts'
import { type PartitionerArgs, Partitioners } from './partitioners.ts'
import { Transactions } from './transactions.ts'

const codecs: Readonly<Record<CompressionTypes, CodecName>> = {
  [CompressionTypes.None]: 'none',
  [CompressionTypes.GZIP]: 'gzip',
  [CompressionTypes.Snappy]: 'snappy',
  [CompressionTypes.LZ4]: 'lz4',
  [CompressionTypes.ZSTD]: 'zstd',
}

const acksOptions = new Map<number, ProducerOptions['acks']>([
  [-1, 'all'],
  [0, 0],
  [1, 1],
])

export interface KafkaProducerParts {
  readonly link: Link
  readonly emitter: Emitter
  readonly logger: Logger
  readonly config: ProducerConfig
  readonly events: ProducerEvents
  readonly members: KnownMembers
}

/** Of one batch on the wire: what one call sends to a partition is split where it is more. */
const batchBytes = 256 * KiB

type Status = 'connected' | 'disconnecting' | 'disconnected'

/** kafkajs's producer: a sender of the client for each `acks` that is asked for. */
export class KafkaProducer implements Producer {
  readonly events: ProducerEvents
  readonly #link: Link
  readonly #emitter: Emitter
  readonly #logger: Logger
  readonly #config: ProducerConfig
  readonly #members: KnownMembers
  readonly #partition: (args: PartitionerArgs) => number
  readonly #senders = new Map<number, Promise<MessageSender>>()
  #transactions: Transactions | undefined
  #status: Status = 'disconnected'

  constructor({ link, emitter, logger, config, events, members }: KafkaProducerParts) {
    if (config.idempotent === true && link.retry.retries < 1) {
      throw new KafkaJSNonRetriableError('Idempotent producer must allow retries to protect against transient errors')
    }
    this.events = events
    this.#link = link
    this.#emitter = emitter
    this.#logger = logger.namespace('Producer')
    this.#config = config
    this.#members = members
    this.#partition = (config.createPartitioner ?? Partitioners.DefaultPartitioner)()
  }

  async connect(): Promise<void> {
    await this.#link.open()
    this.#status = 'connected'
    this.#emitter.emit(this.events.CONNECT, null)
  }

  /** What was sent before is delivered first. */
  async disconnect(): Promise<void> {
    this.#status = 'disconnecting'
    const senders = [...this.#senders.values()]
    this.#senders.clear()
    const transactions = this.#transactions
    this.#transactions = undefined
    // Who sent what fails has been told by `send` itself.
    await Promise.allSettled([...senders.map(async (sender) => (await sender).close()), transactions?.close()])
    await this.#link.close()
    this.#status = 'disconnected'
    this.#emitter.emit(this.events.DISCONNECT, null)
  }

  isIdempotent(): boolean {
    return this.#config.idempotent ?? false
  }

  async send({ topic, messages, ...options }: ProducerRecord): Promise<RecordMetadata[]> {
    return this.sendBatch({ ...options, topicMessages: [{ topic, messages }] })
  }

  async sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]> {
    const { acks, topicMessages, codec } = this.#checked({ ...batch, idempotent: this.isIdempotent() })
    const rows = await (await this.#sender(acks)).send(topicMessages, codec)
    return acks === 0 ? [] : rows
  }

  /** @throws KafkaJSError for messages that cannot be sent, or not now */
  #checked({
    acks = -1,
    compression,
    topicMessages = [],
    idempotent,
  }: ProducerBatch & { idempotent: boolean }): Sendable {
    const merged = checkedMessages(topicMessages)
    if (idempotent && acks !== -1) {
      throw new KafkaJSNonRetriableError(
        "Not requiring ack for all messages invalidates the idempotent producer's EoS guarantees",
      )
    }
    this.#assertConnected()
    const codec = codecs[compression ?? CompressionTypes.None]
    if (codec === undefined) throw new KafkaJSNonRetriableError(`Invalid compression ${compression}`)
    return { acks, topicMessages: merged, codec }
  }

  async transaction(): Promise<Transaction> {
    const { transactionalId, transactionTimeout } = this.#config
    if (!transactionalId) {
      throw new KafkaJSNonRetriableError('Must provide transactional id for transactional producer')
    }
    this.#assertConnected()
    this.#transactions ??= new Transactions(this.#link, this.#members, async () =>
      this.#make(await this.#link.open(), {
        transactionalId,
        transactionTimeoutMs: transactionTimeout ?? 60_000,
        maxBlockMs: this.#link.patienceMs,
      }),
    )
    return this.#transactions.begin((batch) => this.#checked({ ...batch, idempotent: true }))
  }

  on(eventName: string, listener: (event: InstrumentationEvent<never>) => void): () => void {
    return this.#emitter.on(eventName, listener)
  }

  logger(): Logger {
    return this.#logger
  }

  #assertConnected(): void {
    if (this.#status === 'disconnecting') {
      throw new KafkaJSNonRetriableError(
        "The producer is disconnecting; therefore, it can't safely accept messages anymore",
      )
    }
    if (this.#status === 'disconnected') throw new KafkaJSError('The producer is disconnected')
  }

  #sender(acks: number): Promise<MessageSender> {
    let sender = this.#senders.get(acks)
    if (sender === undefined) {
      sender = this.#open(acks)
      sender.catch(() => this.#senders.delete(acks))
      this.#senders.set(acks, sender)
    }
    return sender
  }

  async #open(acks: number): Promise<MessageSender> {
    const option = acksOptions.get(acks)
    if (option === undefined) throw new KafkaJSNonRetriableError(`Invalid acks ${acks}: -1, 0 or 1`)
    const idempotent = acks === -1 && this.#config.idempotent !== false
    return this.#make(await this.#link.open(), { acks: option, idempotent })
  }

  #make(cluster: Cluster, options: ProducerOptions): MessageSender {
    const maxInFlight = Math.max(1, Math.min(this.#config.maxInFlightRequests ?? 5, 5))
    return new MessageSender(this.#link, cluster, this.#partition, { ...options, maxInFlight, batchBytes })
  }
}

/** One entry for each topic. @throws KafkaJSNonRetriableError */
function checkedMessages(given: readonly TopicMessages[]): TopicMessages[] {
  const byTopic = new Map<string, TopicMessages>()
  for (const { topic, messages } of given) {
    if (!topic) throw new KafkaJSNonRetriableError('Invalid topic')
    if (!messages) throw new KafkaJSNonRetriableError(`Invalid messages array [${messages}] for topic "${topic}"`)
    const without = messages.find((message) => message.value === undefined)
    if (without !== undefined) {
      throw new KafkaJSNonRetriableError(
        `Invalid message without value for topic "${topic}": ${JSON.stringify(without)}`,
      )
    }
    const known = byTopic.get(topic)
    byTopic.set(
      topic,
      known === undefined ? { topic, messages } : { topic, messages: [...known.messages, ...messages] },
    )
  }
  return [...byTopic.values()]
}
