import { type KafkaErrorCode, messageOf, type TopicPartition } from '@millrace/kernel'
import type { LogDirectory } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { OffsetStore } from '../group/offset-store.ts'
import { LogBudget } from '../log-budget.ts'
import type { ProducerIds } from '../producer-ids.ts'
import type { Settings } from '../settings.ts'
import { isIdle, type ProducerClaim, type Transaction } from './transaction.ts'
import { type Decision, TransactionEnds } from './transaction-ends.ts'
import type { TransactionEntry } from './transaction-entry.ts'
import { recoverTransactions } from './transaction-recovery.ts'
import { TransactionRegistry } from './transaction-registry.ts'
import { TransactionScans } from './transaction-scans.ts'
import {
  fenced,
  newTransaction,
  ongoing,
  refuseWriter,
  rotated,
  stepEnd,
  stepEnd2,
  stepInit,
} from './transaction-steps.ts'

export interface TransactionParts {
  readonly directory: LogDirectory
  readonly ports: BrokerPorts
  readonly settings: Settings
  readonly producerIds: ProducerIds
  readonly offsets: OffsetStore
}

/** What a producer is told: its id and epoch from now on, or why not. */
export type ProducerAnswer = ProducerClaim | { readonly refused: KafkaErrorCode }

/** Who wants to write in which transaction. */
export interface TransactionClaim extends ProducerClaim {
  readonly transactionalId: string
}

/** The id was forgotten while the request waited. */
const isGone: unique symbol = Symbol('gone')
const gone = { refused: 'INVALID_PRODUCER_ID_MAPPING', [isGone]: true } as const

/** Of transactions that were not taken. */
const linesAMinute = 10

const noProducer: ProducerClaim = { producerId: -1, epoch: -1 }

/**
 * Coordinates every transaction of this broker: requests in, the pure steps asked, answers out. Steps of one
 * transactional id are taken one after another, and a request waits for the one before it where Kafka sends it away
 * with CONCURRENT_TRANSACTIONS.
 */
export class TransactionCoordinator {
  readonly #registry: TransactionRegistry
  readonly #ends: TransactionEnds
  readonly #scans: TransactionScans
  readonly #parts: TransactionParts
  readonly #budget: LogBudget
  #closed = false

  private constructor(parts: TransactionParts) {
    const { directory, ports, settings, offsets } = parts
    this.#parts = parts
    this.#budget = new LogBudget(parts.ports.clock, linesAMinute)
    this.#registry = new TransactionRegistry(directory, ports, settings)
    this.#ends = new TransactionEnds(directory, ports, this.#registry, offsets)
    this.#scans = new TransactionScans({
      ports,
      settings,
      registry: this.#registry,
      ends: this.#ends,
      abort: (entry) => this.#abortFenced(entry),
    })
  }

  /** Reads all transactions from the log, completes those that are decided and finds those that are open. */
  static async open(parts: TransactionParts): Promise<TransactionCoordinator> {
    const coordinator = new TransactionCoordinator(parts)
    await coordinator.#registry.load()
    await recoverTransactions({ ...parts, registry: coordinator.#registry, ends: coordinator.#ends })
    coordinator.#scans.start()
    return coordinator
  }

  /** In no order. */
  all(): Transaction[] {
    return [...this.#registry.all()].map(({ now }) => now).filter(({ epoch }) => epoch >= 0)
  }

  get(transactionalId: string): Transaction | KafkaErrorCode {
    if (this.#registry.log.isLost(transactionalId)) return 'COORDINATOR_NOT_AVAILABLE'
    const now = this.#registry.get(transactionalId)?.now
    return now === undefined || now.epoch < 0 ? 'TRANSACTIONAL_ID_NOT_FOUND' : now
  }

  nowMs(): number {
    return this.#registry.nowMs()
  }

  /** The id's producers of before are fenced and their transaction is aborted; durable when it resolves. */
  async init(transactionalId: string, timeoutMs: number, claim: ProducerClaim | undefined): Promise<ProducerAnswer> {
    if (transactionalId === '') return { refused: 'INVALID_REQUEST' }
    if (timeoutMs <= 0 || timeoutMs > this.#parts.settings['transaction.max.timeout.ms']) {
      return { refused: 'INVALID_TRANSACTION_TIMEOUT' }
    }
    if (!(await this.#isReady(transactionalId))) return { refused: 'COORDINATOR_NOT_AVAILABLE' }
    const made = await this.#getOrAdd(transactionalId, timeoutMs)
    if ('refused' in made) return made
    const answer = await this.#inTurn(made, () => this.#init(made, timeoutMs, claim))
    return isGone in answer ? await this.init(transactionalId, timeoutMs, claim) : answer
  }

  /** AddPartitionsToTxn. Durable when it resolves. */
  async add(claim: TransactionClaim, partitions: readonly TopicPartition[]): Promise<KafkaErrorCode> {
    const entry = this.#find(claim.transactionalId)
    if (typeof entry === 'string') return entry
    const added = await this.#inTurn(entry, async () => {
      const refused = refuseWriter(entry.now, claim) ?? this.#refuseBegin(entry)
      if (refused !== undefined) return { refused }
      const has = ({ topic, partition }: TopicPartition) => entry.now.partitions.has(topic, partition)
      if (entry.now.state === 'Ongoing' && partitions.every(has)) return noProducer
      await this.#ends.settle(entry)
      this.#join(entry, partitions)
      await this.#registry.store(entry, entry.now)
      return noProducer
    })
    return 'refused' in added ? added.refused : 'NONE'
  }

  /**
   * May the producer write there in its transaction? Asked before each write, so an answer holds for this turn only.
   *
   * @param joins the partition joins the transaction, and the transaction begins where there is none: version 2
   */
  admit(claim: TransactionClaim, { topic, partition }: TopicPartition, joins: boolean): KafkaErrorCode {
    const entry = this.#find(claim.transactionalId)
    if (typeof entry === 'string') return entry
    const refused = refuseWriter(entry.now, claim)
    if (refused !== undefined) return refused
    if (entry.isMoving) return 'CONCURRENT_TRANSACTIONS'
    const isIn = entry.now.state === 'Ongoing' && entry.now.partitions.has(topic, partition)
    if (isIn) return 'NONE'
    if (!joins) return 'TRANSACTION_ABORTABLE'
    const full = this.#refuseBegin(entry)
    if (full !== undefined) return full
    // Not written: whoever starts finds the transaction by what it has in the partition.
    this.#join(entry, [{ topic, partition }])
    return 'NONE'
  }

  /** Notes how far a transaction has written in a partition. */
  wrote(transactionalId: string, { topic, partition }: TopicPartition, upTo: number): void {
    const now = this.#registry.get(transactionalId)?.now
    if (now?.state === 'Ongoing' && now.partitions.has(topic, partition)) now.partitions.set(topic, partition, upTo)
  }

  /**
   * EndTxn: resolves when the decision survives a power cut and the markers are written.
   *
   * @param version 2: the producer goes on with the id and epoch that it gets (KIP-890)
   */
  async end(claim: TransactionClaim, commit: boolean, version: 0 | 2): Promise<ProducerAnswer> {
    const entry = this.#find(claim.transactionalId)
    if (typeof entry === 'string') return { refused: entry }
    return await this.#inTurn(entry, async () => {
      const step = version === 2 ? stepEnd2(entry.now, claim, commit) : stepEnd(entry.now, claim, commit)
      if ('refused' in step) return step
      if ('end' in step) {
        const nextProducerId = step.rotate ? await this.#parts.producerIds.next() : -1
        await this.#ends.end(entry, entry.now, { state: step.end, version, nextProducerId })
      }
      return { producerId: entry.now.producerId, epoch: entry.now.epoch }
    })
  }

  /** What waits is told to look for a coordinator again. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#scans.close()
    this.#ends.close()
    for (const entry of this.#registry.all()) this.#registry.note(entry)
  }

  async #init(entry: TransactionEntry, timeoutMs: number, claim: ProducerClaim | undefined): Promise<ProducerAnswer> {
    const step = stepInit(entry.now, claim, timeoutMs, this.#registry.nowMs())
    if ('refused' in step) return step
    if ('fence' in step) {
      await this.#abortFenced(entry)
      // Whoever it said it is, it was that: only its own transaction has moved the epoch.
      return await this.#init(entry, timeoutMs, undefined)
    }
    const { now } = entry
    let next: Transaction
    if ('rotate' in step) {
      const producerId = await this.#parts.producerIds.next()
      next = rotated(now, producerId, { timeoutMs, nowMs: this.#registry.nowMs(), isClaimed: claim !== undefined })
    } else next = step.next
    entry.isMoving = true
    try {
      await this.#ends.settle(entry)
      await this.#registry.store(entry, next)
    } finally {
      entry.isMoving = false
    }
    return { producerId: next.producerId, epoch: next.epoch }
  }

  /** Aborts what is open, under an epoch that shuts out whoever opened it. In the id's turn only. */
  async #abortFenced(entry: TransactionEntry): Promise<void> {
    const version = this.#parts.settings['transaction.version'] >= 2 ? 2 : 0
    const decision: Decision = { state: 'PrepareAbort', version, nextProducerId: -1, isFenced: true }
    await this.#ends.end(entry, fenced(entry.now), decision)
  }

  #join(entry: TransactionEntry, partitions: readonly TopicPartition[]): void {
    const version = this.#parts.settings['transaction.version'] >= 2 ? 2 : 0
    this.#registry.move(entry, ongoing(entry.now, version, this.#registry.nowMs()))
    for (const { topic, partition } of partitions) {
      if (!entry.now.partitions.has(topic, partition)) entry.now.partitions.set(topic, partition, 0)
    }
  }

  /** A bound of our own: producers wait for those before them, as for a transaction of their own that is ending. */
  #refuseBegin({ now }: TransactionEntry): KafkaErrorCode | undefined {
    if (!isIdle(now.state) || !this.#registry.isFull) return undefined
    this.#refusedByBound('transaction.open.max', now.transactionalId)
    return 'CONCURRENT_TRANSACTIONS'
  }

  #refusedByBound(setting: 'transaction.open.max' | 'transactional.ids.max', transactionalId: string): void {
    const { ports, settings } = this.#parts
    const help = 'Requests refused because a bound on transactions was reached'
    ports.metrics.counter('millrace_broker_transactions_refused_total', help, { setting }).add()
    const more = this.#budget.take(setting)
    if (more === undefined) return
    ports.log.warn(`no more transactions: ${setting} is reached`, {
      ...more,
      transactionalId: transactionalId.slice(0, 256),
      [setting]: settings[setting],
    })
  }

  async #getOrAdd(
    transactionalId: string,
    timeoutMs: number,
  ): Promise<TransactionEntry | { readonly refused: KafkaErrorCode }> {
    const known = this.#registry.get(transactionalId)
    if (known !== undefined) return known
    if (this.#registry.isFullOfIds) {
      this.#refusedByBound('transactional.ids.max', transactionalId)
      return { refused: 'CONCURRENT_TRANSACTIONS' }
    }
    try {
      const producerId = await this.#parts.producerIds.next()
      const nowMs = this.#registry.nowMs()
      return (
        this.#registry.get(transactionalId) ??
        this.#registry.add(newTransaction(transactionalId, producerId, timeoutMs, nowMs))
      )
    } catch (error) {
      this.#parts.ports.log.error('no producer id could be reserved', { reason: messageOf(error) })
      return { refused: 'COORDINATOR_NOT_AVAILABLE' }
    }
  }

  #find(transactionalId: string): TransactionEntry | KafkaErrorCode {
    if (transactionalId === '') return 'INVALID_REQUEST'
    if (this.#closed || this.#registry.log.isLost(transactionalId)) return 'COORDINATOR_NOT_AVAILABLE'
    return this.#registry.get(transactionalId) ?? 'INVALID_PRODUCER_ID_MAPPING'
  }

  async #isReady(transactionalId: string): Promise<boolean> {
    return (await this.#registry.log.ready()) && !this.#closed && !this.#registry.log.isLost(transactionalId)
  }

  async #inTurn(entry: TransactionEntry, step: () => Promise<ProducerAnswer>): Promise<ProducerAnswer> {
    try {
      const answer = entry.inTurn(async () => {
        if (this.#registry.get(entry.now.transactionalId) !== entry) return gone
        this.#ends.complete(entry)
        return await step()
      })
      return (await answer) ?? { refused: 'CONCURRENT_TRANSACTIONS' }
    } catch (error) {
      const { transactionalId } = entry.now
      this.#parts.ports.log.error('a transaction could not be written', { transactionalId, reason: messageOf(error) })
      return { refused: 'COORDINATOR_NOT_AVAILABLE' }
    }
  }
}
