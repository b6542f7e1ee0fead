import type { OffsetAndMetadata } from '@millrace/client'
import { assert, codeOf, offset, TopicPartitionMap } from '@millrace/kernel'
import type { KnownMembers } from '../consumer/known-members.ts'
import { KafkaJSNonRetriableError } from '../errors.ts'
import { exhausted, toKafkaJS } from '../failure.ts'
import type { Link } from '../link.ts'
import type { Offsets, ProducerBatch, RecordMetadata } from '../message.ts'
import type { Transaction } from '../producer.ts'
import type { MessageSender, Sendable } from './message-sender.ts'

type Check = (batch: ProducerBatch) => Sendable

/** After these the coordinator serves another producer: only a new one of ours can take the id back. */
const fenced = new Set(['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH', 'INVALID_PRODUCER_ID_MAPPING'])

/** The transactions of one producer, one after another. */
export class Transactions {
  readonly #link: Link
  readonly #members: KnownMembers
  readonly #make: () => Promise<MessageSender>
  #sender: Promise<MessageSender> | undefined
  #active: object | undefined

  constructor(link: Link, members: KnownMembers, make: () => Promise<MessageSender>) {
    this.#link = link
    this.#members = members
    this.#make = make
  }

  async begin(check: Check): Promise<Transaction> {
    if (this.#active !== undefined) {
      throw new KafkaJSNonRetriableError(
        'There is already an ongoing transaction for this producer. ' +
          'Please end the transaction before beginning another.',
      )
    }
    const self = {}
    this.#active = self
    try {
      const sender = await this.#initialised()
      sender.producer.beginTransaction()
      return this.#transaction(sender, self, check)
    } catch (error) {
      this.#active = undefined
      throw this.#told(error)
    }
  }

  async close(): Promise<void> {
    const sender = this.#sender
    this.#sender = undefined
    await (await sender)?.close()
  }

  #initialised(): Promise<MessageSender> {
    if (this.#sender !== undefined) return this.#sender
    const made = this.#make().then(async (sender) => {
      try {
        await sender.producer.initTransactions()
        return sender
      } catch (error) {
        await sender.close().catch(() => {}) // nothing was written yet
        throw error
      }
    })
    this.#sender = made
    made.catch(() => {
      if (this.#sender === made) this.#sender = undefined
    })
    return made
  }

  #transaction(sender: MessageSender, self: object, check: Check): Transaction {
    const { producer } = sender
    const isActive = (): boolean => this.#active === self
    const guarded = async <T>(call: () => Promise<T>): Promise<T> => {
      if (!isActive()) throw new KafkaJSNonRetriableError('Cannot continue to use transaction once ended')
      try {
        return await call()
      } catch (error) {
        throw this.#told(error)
      }
    }
    const sendBatch = (batch: ProducerBatch): Promise<RecordMetadata[]> =>
      guarded(async () => {
        const { topicMessages, codec } = check(batch)
        return sender.send(topicMessages, codec)
      })
    return {
      isActive,
      sendBatch,
      send: ({ topic, messages, ...options }) => sendBatch({ ...options, topicMessages: [{ topic, messages }] }),
      sendOffsets: ({ consumerGroupId, topics }) =>
        guarded(async () => {
          assert(Boolean(consumerGroupId), 'Missing consumerGroupId')
          const offsets = positionsOf(topics)
          if (offsets.size > 0) await producer.sendOffsets(offsets, this.#members.committer(consumerGroupId, offsets))
        }),
      commit: () =>
        guarded(async () => {
          await producer.commitTransaction()
          this.#active = undefined
        }),
      abort: () =>
        guarded(async () => {
          await producer.abortTransaction()
          this.#active = undefined
        }),
    }
  }

  #told(error: unknown): Error {
    const cause = error instanceof Error ? error.cause : undefined
    if (fenced.has(codeOf(error) ?? '') || fenced.has(codeOf(cause) ?? '')) {
      this.#active = undefined
      void this.close().catch(() => {}) // it is over already
    }
    if (codeOf(error) === 'TRANSACTION_ABORTABLE' && cause !== undefined) return toKafkaJS(cause)
    const { retries: retryCount, maxRetryTime: retryTime } = this.#link.retry
    return exhausted(error, { retryCount, retryTime })
  }
}

function positionsOf(topics: Offsets['topics']): TopicPartitionMap<OffsetAndMetadata> {
  const positions = new TopicPartitionMap<OffsetAndMetadata>()
  for (const { topic, partitions } of topics) {
    for (const { partition, offset: text } of partitions) {
      positions.set(topic, partition, { offset: offset(Number(text)), leaderEpoch: -1, metadata: '' })
    }
  }
  return positions
}
