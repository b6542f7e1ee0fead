import { Buffer } from 'node:buffer'
import { setMaxListeners } from 'node:events'
import {
  type ByteWritable,
  ByteWriter,
  codeOf,
  MillraceError,
  type Offset,
  partitionName,
  partitionOfKey,
  type TopicPartitionMap,
} from '@millrace/kernel'
import { bytesOut, type CodecName, encodeHeaders } from '@millrace/record/internal'
import { orAborted, throwIfAborted } from '../cluster/backoff.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { CallOptions, GroupMetadata } from '../consumer.ts'
import type { Producer, ProducerOptions, TopicHandle, TransactionWait } from '../producer.ts'
import type { EncodedHeaders, OffsetAndMetadata, ProducerRecord, RecordMetadata } from '../records.ts'
import { TransactionManager } from '../transaction/transaction-manager.ts'
import { BufferSpace } from './buffer-space.ts'
import { Interceptors } from './interceptors.ts'
import { OpenTopic } from './open-topic.ts'
import type { PartitionQueue } from './partition-queue.ts'
import { FlushTicket, hold, type PendingBatch, type RunReceipt } from './pending-batch.ts'
import { type ProducerSettings, producerSettings } from './producer-settings.ts'
import { Sender } from './sender.ts'

/** How a call of `send` that can be given up follows its record. */
interface HandOver {
  readonly signal: AbortSignal
  /** The record is in its batch. */
  handedOver(): void
}

/** The producer: records go into an open batch of their partition, and a `Sender` carries the batches away. */
export class BatchingProducer implements Producer {
  readonly #cluster: Cluster
  readonly #settings: ProducerSettings
  readonly #sender: Sender
  readonly #topics = new Map<string, OpenTopic>()
  readonly #opening = new Map<string, Promise<OpenTopic>>()
  readonly #scratch = new ByteWriter(256)
  readonly #stopRefresh: () => void
  readonly #onClose: () => void
  readonly #transactions: TransactionManager | undefined
  /** Undefined without any: then a send costs one look. */
  readonly #interceptors: Interceptors | undefined
  readonly #space: BufferSpace
  /** Ends the search for topics. */
  readonly #ended = new AbortController()
  /** Fires when somebody who closes does not wait for what is unacknowledged. */
  readonly #givenUp = new AbortController()
  #flushing = 0
  #failure: Error | undefined
  #firstError: Error | undefined
  #closing: Promise<void> | undefined

  constructor(cluster: Cluster, options: ProducerOptions, onClose: () => void) {
    this.#cluster = cluster
    this.#settings = producerSettings(options)
    this.#onClose = onClose
    this.#space = new BufferSpace(this.#settings.bufferBytesMax)
    this.#transactions = this.#transactional()
    const { interceptors } = this.#settings
    this.#interceptors = interceptors.length === 0 ? undefined : new Interceptors(interceptors, cluster.ports)
    const events = {
      settled: (batch: PendingBatch, error: Error | undefined) => this.#settled(batch, error),
      fatal: (error: Error) => this.#fatal(error),
      urgent: () => this.#flushing > 0 || this.full,
    }
    this.#sender = new Sender(cluster, this.#settings, events, this.#transactions)
    this.#stopRefresh = cluster.onRefresh(() => {
      for (const topic of this.#topics.values()) topic.refresh()
    })
  }

  #transactional(): TransactionManager | undefined {
    const { transactionalId } = this.#settings
    if (transactionalId === undefined) return undefined
    const sender = () => this.#sender
    return new TransactionManager(
      this.#cluster,
      { ...this.#settings, transactionalId },
      {
        settleAll: () => this.#settleAll(),
        halt: (error) => sender().halt(error),
        quiet: () => sender().quiet(),
        resume: (identity) => sender().resume(identity),
        wake: () => sender().wake(),
        fatal: (error) => this.#fatal(error),
        get gap() {
          return sender().gap
        },
      },
    )
  }

  get full(): boolean {
    return this.#space.full
  }

  async open(topic: string, { signal }: CallOptions = {}): Promise<TopicHandle> {
    throwIfAborted(signal)
    return this.#topics.get(topic) ?? orAborted(this.#open(topic), signal)
  }

  #open(topic: string): Promise<OpenTopic> {
    this.#assertUsable()
    let opening = this.#opening.get(topic)
    if (opening === undefined) {
      opening = this.#find(topic).finally(() => this.#opening.delete(topic))
      this.#opening.set(topic, opening)
    }
    return opening
  }

  async #find(topic: string): Promise<OpenTopic> {
    const { requestTimeoutMs } = this.#settings
    const found = await this.#cluster
      .awaitTopic(topic, requestTimeoutMs, this.#ended.signal)
      .catch((error: unknown) => {
        throw this.#failure ?? error
      })
    const opened = new OpenTopic(topic, found.partitions.length, this.#cluster, this.#settings)
    this.#topics.set(topic, opened)
    return opened
  }

  append<K, V>(
    to: TopicHandle,
    partition: number,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: EncodedHeaders | null,
  ): void {
    this.#assertUsable()
    this.#transactions?.assertOpen()
    const topic = this.#own(to)
    if (partition >= 0) {
      const queue = this.#queue(topic, partition)
      const builder = queue.builder
      builder.append(timestampMs, key, keyOut, value, valueOut, headers)
      this.#appended(topic, queue)
      return
    }
    this.#appendPartitioned(topic, timestampMs, key, keyOut, value, valueOut, headers)
  }

  /** The key is serialised once: to choose by, and to be copied into the batch. */
  #appendPartitioned<K, V>(
    topic: OpenTopic,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: EncodedHeaders | null,
  ): PartitionQueue {
    const scratch = this.#scratch.reset()
    if (key !== null) keyOut.write(key, scratch)
    const size = key === null ? -1 : scratch.position
    const queue = this.#queue(topic, this.#choose(topic, size))
    queue.builder.appendWithKeyBytes(timestampMs, scratch.bytes, size < 0 ? -1 : 0, size, value, valueOut, headers)
    this.#appended(topic, queue)
    return queue
  }

  /** @param keyBytes of the key in the scratch buffer; -1 for null */
  #choose(topic: OpenTopic, keyBytes: number): number {
    const { partitioner } = this.#settings
    if (partitioner === undefined) {
      return keyBytes < 0 ? topic.sticky : partitionOfKey(this.#scratch.bytes, topic.partitions, keyBytes)
    }
    const chosen = partitioner(topic.topic, keyBytes < 0 ? null : this.#scratch.view(), topic.partitions)
    if (Number.isInteger(chosen) && chosen >= 0 && chosen < topic.partitions) return chosen
    throw new MillraceError('USER_CODE', `the partitioner must answer in [0, ${topic.partitions})`, {
      place: `topic ${topic.topic}`,
      value: chosen,
    })
  }

  #queue(topic: OpenTopic, partition: number): PartitionQueue {
    const queue = topic.queue(partition)
    if (queue !== undefined) return queue
    throw new MillraceError('UNKNOWN_TOPIC_OR_PARTITION', `has ${topic.partitions} partitions, counted from 0`, {
      place: partitionName(topic.topic, partition),
      value: partition,
    })
  }

  #own(handle: TopicHandle): OpenTopic {
    if (handle instanceof OpenTopic && this.#topics.get(handle.topic) === handle) return handle
    throw new MillraceError('STATE', 'the handle is not from this producer', {
      place: `topic ${handle.topic}`,
      fix: 'Append with what `open` of the same producer returned.',
    })
  }

  /** Accounts for the record just written, and seals the batch when another one like it would not fit. */
  #appended(topic: OpenTopic, queue: PartitionQueue): void {
    const size = queue.builder.sizeBytes
    const added = size - queue.openBytes
    if (queue.openBytes === 0) this.#begun(queue)
    queue.openBytes = size
    this.#space.take(added)
    if (size + added > this.#settings.batchBytes) {
      this.#sender.seal(queue)
      if (topic.sticky === queue.partition) topic.moveSticky()
      this.#sender.list(queue)
    } else if (!queue.listed) {
      this.#sender.list(queue)
    }
  }

  #begun(queue: PartitionQueue): void {
    queue.openedAtMs = this.#cluster.ports.clock.monotonicMs()
    this.#transactions?.enlist(queue.topic, queue.partition)
  }

  send(record: ProducerRecord, { signal }: CallOptions = {}): Promise<RecordMetadata> {
    if (signal === undefined) return this.#sendShown(record, undefined)
    return new Promise((resolve, reject) => {
      let isHandedOver = false
      // Until then nothing has been taken, and the call itself rejects.
      const abort = () => {
        if (isHandedOver) reject(unawaited(record, signal))
      }
      setMaxListeners(0, signal) // many sends are given up by one signal: that is no leak
      signal.addEventListener('abort', abort, { once: true })
      const done = () => signal.removeEventListener('abort', abort)
      const handedOver = () => {
        isHandedOver = true
      }
      this.#sendShown(record, { signal, handedOver }).then(resolve, reject).finally(done)
    })
  }

  #sendShown(record: ProducerRecord, watch: HandOver | undefined): Promise<RecordMetadata> {
    if (this.#interceptors === undefined) return this.#send(record, watch)
    return this.#interceptors.around(record, (shown) => this.#send(shown, watch))
  }

  async #send(record: ProducerRecord, watch: HandOver | undefined): Promise<RecordMetadata> {
    const admission = this.#transactions?.admit()
    const signal = watch?.signal
    let sent: Promise<RecordMetadata>
    try {
      const topic = this.#topics.get(record.topic) ?? (await orAborted(this.#open(record.topic), signal))
      while (this.full) await this.drained({ signal })
      throwIfAborted(signal)
      this.#assertUsable()
      admission?.assertCurrent()
      sent = this.#appendOne(topic, record)
      watch?.handedOver()
    } catch (error) {
      admission?.refused(error)
      throw error
    } finally {
      admission?.done()
    }
    return sent
  }

  #appendOne(topic: OpenTopic, record: ProducerRecord): Promise<RecordMetadata> {
    const key = toBytes(record.key ?? null)
    const value = toBytes(record.value)
    const headers = record.headers === undefined ? null : encodeHeaders(record.headers)
    const timestampMs = record.timestampMs ?? this.#cluster.ports.clock.nowMs()
    this.#scratch.reset()
    if (key !== null) this.#scratch.raw(key)
    const partition = record.partition ?? this.#choose(topic, key === null ? -1 : key.length)
    const queue = this.#queue(topic, partition)
    const index = queue.builder.count
    queue.builder.append(timestampMs, key, bytesOut, value, bytesOut, headers)
    return new Promise<RecordMetadata>((resolve, reject) => {
      queue.receipts.push({
        index,
        timestampMs,
        delivered: (at, appendTimeMs) =>
          resolve({
            topic: topic.topic,
            partition,
            offset: at,
            timestampMs: appendTimeMs < 0 ? timestampMs : appendTimeMs,
          }),
        failed: reject,
      })
      this.#appended(topic, queue)
    })
  }

  /**
   * As `append`, with a codec of its own and one receipt for all that a call appends to a batch. Returns the receipt the
   * record is covered by: `given` where it went into the same batch, else one that `begin` made.
   */
  appendToRun<K, V>(
    to: TopicHandle,
    partition: number,
    timestampMs: number,
    key: K | null,
    keyOut: ByteWritable<K>,
    value: V | null,
    valueOut: ByteWritable<V>,
    headers: EncodedHeaders | null,
    codec: CodecName,
    given: RunReceipt | undefined,
    begin: (index: number, timestampMs: number) => RunReceipt,
  ): RunReceipt {
    this.#assertUsable()
    this.#transactions?.assertOpen()
    const topic = this.#own(to)
    const queue = this.#queue(topic, partition)
    if (queue.builder.codec !== codec) {
      if (queue.builder.count > 0) {
        this.#sender.seal(queue)
        this.#sender.list(queue)
      }
      queue.builder.codec = codec
    }
    const index = queue.builder.count
    queue.builder.append(timestampMs, key, keyOut, value, valueOut, headers)
    let receipt = given
    if (receipt === undefined || queue.receipts.at(-1) !== receipt) {
      receipt = begin(index, timestampMs)
      queue.receipts.push(receipt)
    } else receipt.until = index + 1
    this.#appended(topic, queue)
    return receipt
  }

  async drained({ signal }: CallOptions = {}): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure
    throwIfAborted(signal)
    if (!this.full) return
    this.#sender.wake()
    await this.#space.wait(signal)
  }

  async flush({ signal }: CallOptions = {}): Promise<void> {
    await orAborted(this.#settleAll(), signal)
    const error = this.#firstError ?? this.#failure
    this.#firstError = undefined
    if (error !== undefined) throw error
  }

  /** Sends everything now and resolves when it is settled. */
  async #settleAll(): Promise<void> {
    const ticket = new FlushTicket()
    ticket.add() // held until all are counted
    for (const queue of this.#sender.queues()) {
      this.#sender.seal(queue)
      for (const batch of queue.sealed) hold(batch, ticket)
      for (const batch of queue.inFlight) hold(batch, ticket)
    }
    ticket.settle()
    this.#flushing++
    this.#sender.wake()
    await ticket.done
    this.#flushing--
  }

  acknowledged(topic: string, partition: number): Offset | undefined {
    return this.#topics.get(topic)?.queue(partition)?.acknowledged
  }

  initTransactions(options?: TransactionWait): Promise<void> {
    return this.#transaction((transactions) => transactions.init(options))
  }

  beginTransaction(): void {
    this.#assertUsable()
    this.#managed().begin()
    this.#firstError = undefined
  }

  sendOffsets(
    offsets: TopicPartitionMap<OffsetAndMetadata>,
    group: GroupMetadata,
    options?: TransactionWait,
  ): Promise<void> {
    return this.#transaction((transactions) => transactions.sendOffsets(offsets, group, options))
  }

  commitTransaction(options?: TransactionWait): Promise<void> {
    return this.#transaction((transactions) => transactions.commit(options))
  }

  abortTransaction(options?: TransactionWait): Promise<void> {
    return this.#transaction((transactions) => transactions.abort(options))
  }

  async #transaction(run: (transactions: TransactionManager) => Promise<void>): Promise<void> {
    this.#assertUsable()
    await run(this.#managed())
  }

  #managed(): TransactionManager {
    if (this.#transactions !== undefined) return this.#transactions
    const fix = 'Make the producer with a transactionalId.'
    throw new MillraceError('STATE', 'the producer writes without transactions', { fix })
  }

  close({ signal }: CallOptions = {}): Promise<void> {
    const giveUp = () => this.#givenUp.abort(signal?.reason)
    if (signal?.aborted === true) giveUp()
    signal?.addEventListener('abort', giveUp, { once: true })
    this.#closing ??= this.#close(this.#givenUp.signal)
    return this.#closing.finally(() => signal?.removeEventListener('abort', giveUp))
  }

  async #close(signal: AbortSignal): Promise<void> {
    try {
      if (this.#transactions !== undefined) await this.#transactions.close(signal)
      else if (this.#failure === undefined) await this.flush({ signal })
    } finally {
      this.#failure ??= new MillraceError('STATE', 'the producer is closed')
      this.#ended.abort()
      this.#stopRefresh()
      this.#onClose()
      this.#sender.failAll(this.#failure)
      await this.#sender.close()
      await this.#interceptors?.close()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #assertUsable(): void {
    if (this.#failure !== undefined) throw this.#failure
    if (this.#closing !== undefined) throw new MillraceError('STATE', 'the producer is closing')
  }

  #settled(batch: PendingBatch, error: Error | undefined): void {
    if (error !== undefined) {
      this.#countFailure(batch, error)
      this.#transactions?.batchFailed(error)
    }
    this.#space.free(batch.bufferedBytes)
  }

  #countFailure(batch: PendingBatch, error: Error): void {
    const { metrics } = this.#cluster.ports
    if (codeOf(error) === 'ABORTED') {
      metrics
        .counter('millrace_client_records_aborted_total', 'Unsent records of aborted transactions.')
        .add(batch.count)
      return
    }
    this.#firstError ??= error
    metrics.counter('millrace_client_records_failed_total', 'Records that could not be delivered.').add(batch.count)
  }

  #fatal(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#transactions?.fatal(error)
    this.#sender.failAll(error)
    this.#space.fail(error)
  }
}

/** The record is on its way: only the wait for its acknowledgement is over. */
function unawaited({ topic }: ProducerRecord, signal: AbortSignal): MillraceError {
  return new MillraceError('ABORTED', 'the acknowledgement is not waited for: the record may still be written', {
    place: `topic ${topic}`,
    cause: signal.reason,
    fix: 'flush() waits for it.',
  })
}

function toBytes(text: Uint8Array | string | null): Uint8Array | null {
  return typeof text === 'string' ? Buffer.from(text) : text
}
