import type { Client, Consumer, Producer } from '@millrace/client'
import { codeOf, KiB, type Log, MillraceError, messageOf } from '@millrace/kernel'
import { ProducerCollector } from './producer-collector.ts'
import { type CommitOutcome, type CommittingTask, commitTasks } from './task-commit.ts'
import { commitInTransaction, isTransactionLost } from './transaction-commit.ts'

/** With what a stream thread writes: one producer for all its tasks, and what a commit is with it. */
export interface ThreadWriter {
  /** Where tasks append. Another one after `startOver`. @throws STATE before `open` */
  readonly collector: ProducerCollector
  readonly full: boolean
  drained(): Promise<void>
  /** Finds all topics that the tasks may write. @throws UNKNOWN_TOPIC_OR_PARTITION */
  open(topics: readonly string[], signal: AbortSignal): Promise<void>
  commit(tasks: readonly CommittingTask[], consumer: Consumer): Promise<CommitOutcome>
  /** Whether what was written since the last commit can be taken back. */
  readonly takesBack: boolean
  /**
   * Whether an error of this writer is mended by processing again from the last commit. Only where nothing that was
   * written since can be seen by anybody.
   */
  isMendedByStartingOver(error: unknown): boolean
  /** What was written since the last commit is gone. The tasks must be opened anew, on the new collector. */
  startOver(signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

const batchBytes = 256 * KiB

/** At-least-once: what is written is there at once; positions are committed by the consumer. */
export class IdempotentWriter implements ThreadWriter {
  readonly takesBack = false
  readonly #producer: Producer
  #collector: ProducerCollector | undefined

  constructor(client: Client) {
    this.#producer = client.producer({ acks: 'all', idempotent: true, batchBytes })
  }

  get collector(): ProducerCollector {
    return opened(this.#collector)
  }

  get full(): boolean {
    return this.#producer.full
  }

  drained(): Promise<void> {
    return this.#producer.drained()
  }

  async open(topics: readonly string[], signal: AbortSignal): Promise<void> {
    this.#collector = await ProducerCollector.open(this.#producer, topics, signal)
  }

  commit(tasks: readonly CommittingTask[], consumer: Consumer): Promise<CommitOutcome> {
    return commitTasks(tasks, this.#producer, consumer)
  }

  isMendedByStartingOver(): boolean {
    return false
  }

  async startOver(): Promise<void> {
    throw new MillraceError('STATE', 'what was written cannot be taken back without transactions')
  }

  close(): Promise<void> {
    return this.#producer.close()
  }
}

export interface TransactionalWriterOptions {
  readonly transactionalId: string
  readonly transactionTimeoutMs: number
  readonly log: Log
}

/** Exactly-once: everything between two commits is one transaction, input positions included (KIP-447). */
export class TransactionalWriter implements ThreadWriter {
  readonly takesBack = true
  readonly #client: Client
  readonly #options: TransactionalWriterOptions
  #producer: Producer
  #collector: ProducerCollector | undefined
  #topics: readonly string[] = []

  constructor(client: Client, options: TransactionalWriterOptions) {
    this.#client = client
    this.#options = options
    this.#producer = this.#make()
  }

  get collector(): ProducerCollector {
    return opened(this.#collector)
  }

  get full(): boolean {
    return this.#producer.full
  }

  drained(): Promise<void> {
    return this.#producer.drained()
  }

  /** Aborts what a thread of the same identity left open when it was killed. */
  async open(topics: readonly string[], signal: AbortSignal): Promise<void> {
    this.#topics = topics
    await this.#begin(signal)
  }

  commit(tasks: readonly CommittingTask[], consumer: Consumer): Promise<CommitOutcome> {
    return commitInTransaction(tasks, this.#producer, consumer)
  }

  isMendedByStartingOver(error: unknown): boolean {
    return isTransactionLost(error)
  }

  async startOver(signal: AbortSignal): Promise<void> {
    try {
      await this.#producer.abortTransaction({ signal })
      this.#producer.beginTransaction()
    } catch (error) {
      if (codeOf(error) === 'ABORTED') throw error
      this.#options.log.warn('a new producer takes over', { reason: messageOf(error) })
      await this.#producer.close().catch((closing: unknown) => {
        this.#options.log.debug('closing the producer before', { reason: messageOf(closing) })
      })
      this.#producer = this.#make()
      await this.#begin(signal)
    }
  }

  /** Aborts the open transaction. */
  close(): Promise<void> {
    return this.#producer.close()
  }

  async #begin(signal: AbortSignal): Promise<void> {
    await this.#producer.initTransactions({ signal })
    this.#collector = await ProducerCollector.open(this.#producer, this.#topics, signal)
    this.#producer.beginTransaction()
  }

  #make(): Producer {
    const { transactionalId, transactionTimeoutMs } = this.#options
    return this.#client.producer({ acks: 'all', batchBytes, transactionalId, transactionTimeoutMs })
  }
}

function opened(collector: ProducerCollector | undefined): ProducerCollector {
  if (collector === undefined) throw new MillraceError('STATE', 'the writer is not open')
  return collector
}
