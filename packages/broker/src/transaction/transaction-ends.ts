import { type Counter, messageOf, type Timer, TopicPartitionMap } from '@millrace/kernel'
import type { LogDirectory, PartitionLog } from '@millrace/log/internal'
import type { BrokerPorts } from '../broker-ports.ts'
import type { OffsetStore } from '../group/offset-store.ts'
import { offsetsTopic } from '../internal-topics.ts'
import { isPrepared, type Transaction, type TransactionVersion } from './transaction.ts'
import type { TransactionEntry, Unsettled } from './transaction-entry.ts'
import type { TransactionRegistry } from './transaction-registry.ts'
import { completed, prepared } from './transaction-steps.ts'

/** How long the markers of a transaction may wait for somebody else's sync. */
const settleAfterMs = 1000
/** Between two tries to write a marker that a partition did not take; doubled with each. */
const retryAfterMs = { first: 100, most: 10_000 } as const

export interface Decision {
  readonly state: 'PrepareCommit' | 'PrepareAbort'
  readonly version: TransactionVersion
  /** `from` has an epoch that shuts its producer out: no other is needed. */
  readonly isFenced?: boolean
  readonly nextProducerId: number
}

/**
 * Ends transactions: the decision on disk, then a marker in every partition, then the end of it.
 *
 * A marker makes records visible, so no marker is written before the decision is durable, and no decision to commit
 * before all that it commits. The markers themselves may come to the disk late: the decision stands in the log until
 * they have, and a start completes it. So a transaction costs one sync beside those of its data.
 */
export class TransactionEnds {
  readonly #directory: LogDirectory
  readonly #ports: BrokerPorts
  readonly #registry: TransactionRegistry
  readonly #offsets: OffsetStore
  readonly #ended: { readonly commit: Counter; readonly abort: Counter }
  readonly #unsettled = new Set<TransactionEntry>()
  #timer: Timer | undefined
  /** Those that are decided and whose markers some partition does not take. */
  readonly #unmarked = new Set<TransactionEntry>()
  #retry: Timer | undefined
  #retryMs: number = retryAfterMs.first
  #closed = false

  constructor(directory: LogDirectory, ports: BrokerPorts, registry: TransactionRegistry, offsets: OffsetStore) {
    this.#directory = directory
    this.#ports = ports
    this.#registry = registry
    this.#offsets = offsets
    const counter = (result: string) =>
      ports.metrics.counter('millrace_broker_transactions_ended_total', 'Transactions ended', { result })
    this.#ended = { commit: counter('commit'), abort: counter('abort') }
  }

  /**
   * Resolves when the decision is durable and every marker is written that can be. `from`: the transaction as it is to
   * be ended, with the epoch it is ended under.
   *
   * @throws what the log throws: nothing has been decided then.
   */
  async end(
    entry: TransactionEntry,
    from: Transaction,
    { state, version, nextProducerId, isFenced = false }: Decision,
  ): Promise<void> {
    entry.isMoving = true
    try {
      await this.settle(entry)
      if (state === 'PrepareCommit') await this.#syncData(from)
      const decided = prepared(from, state, { version, nextProducerId, isFenced, nowMs: this.#registry.nowMs() })
      await this.#registry.store(entry, { ...decided, partitions: this.#ends(decided.partitions) })
      // Whoever says beforehand where it will write has that noted first, and must wait for the markers before.
      if (this.complete(entry) && version < 2) void this.#settleSoon([entry])
    } finally {
      entry.isMoving = false
    }
  }

  /** Writes the markers that are missing. False when some partition does not take its own yet: it is tried again. */
  complete(entry: TransactionEntry): boolean {
    const { now } = entry
    if (!isPrepared(now.state)) return true
    const markers: Unsettled['markers'][number][] = []
    let isWhole = true
    for (const [{ topic, partition }, end] of now.partitions) {
      const log = this.#directory.partition(topic, partition)
      if (log === undefined) {
        if (this.#directory.offline(topic, partition) !== undefined) isWhole = false
        continue // a deleted topic takes its part of the transaction along
      }
      if (this.#mark(now, log, end)) markers.push({ log, upTo: log.highWatermark })
      else isWhole = false
    }
    if (!isWhole) {
      if (this.#unmarked.size === 0) this.#retryMs = retryAfterMs.first
      this.#unmarked.add(entry)
      this.#retryLater()
      return false
    }
    this.#unmarked.delete(entry)
    this.#ended[now.state === 'PrepareCommit' ? 'commit' : 'abort'].add()
    const next = completed(now, this.#registry.nowMs())
    this.#registry.move(entry, next)
    entry.unsettled = { decided: now, completed: next, markers }
    this.#unsettled.add(entry)
    this.#schedule()
    return true
  }

  /**
   * Resolves when the markers of the last transaction are on disk. @throws what the log throws: the next decision must
   * not be written then.
   */
  async settle(entry: TransactionEntry): Promise<void> {
    const { unsettled } = entry
    if (unsettled === undefined) return
    const late = unsettled.markers.filter(({ log, upTo }) => log.syncedTo < upTo)
    if (late.length > 0) await Promise.all(late.map((marker) => this.#synced(unsettled.decided, marker)))
    if (entry.unsettled !== unsettled) return
    entry.unsettled = undefined
    this.#unsettled.delete(entry)
    try {
      this.#registry.write(unsettled.completed)
    } catch (error) {
      // Told twice is no harm: a start finds the decision, and every marker of it.
      this.#ports.log.warn('the end of a transaction could not be noted', {
        transactionalId: entry.now.transactionalId,
        reason: messageOf(error),
      })
    }
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
    this.#retry?.cancel()
  }

  /** True when the partition has nothing open of the transaction. */
  #mark(now: Transaction, log: PartitionLog, end: number): boolean {
    const open = log.openTransaction(now.producerId)
    const commit = now.state === 'PrepareCommit'
    const { topic, partition } = log.at
    try {
      if (open !== undefined && open.firstOffset < end && isOf(now, open.producerEpoch)) {
        log.appendMarker({
          producerId: now.producerId,
          producerEpoch: now.epoch,
          coordinatorEpoch: log.leaderEpoch,
          commit,
          transactionVersion: now.version >= 2 ? 2 : 1,
        })
        if (topic === offsetsTopic) this.#offsets.endTransaction(partition, now.producerId, commit)
      }
      return true
    } catch (error) {
      this.#ports.log.error('the marker of a transaction could not be written; it is tried again', {
        transactionalId: now.transactionalId,
        partition: `${topic}-${partition}`,
        reason: messageOf(error),
      })
      return false
    }
  }

  async #syncData({ partitions }: Transaction): Promise<void> {
    const waits: Promise<void>[] = []
    for (const [{ topic, partition }, upTo] of partitions) {
      const log = this.#directory.partition(topic, partition)
      if (log !== undefined && log.syncedTo < Math.min(upTo, log.highWatermark))
        waits.push(log.synced(log.highWatermark))
    }
    if (waits.length > 0) await Promise.all(waits)
  }

  /** Where each partition ends now: what begins there later is of a later transaction. */
  #ends(partitions: TopicPartitionMap<number>): TopicPartitionMap<number> {
    const ends = new TopicPartitionMap<number>()
    for (const [{ topic, partition }, written] of partitions) {
      const log = this.#directory.partition(topic, partition)
      ends.set(topic, partition, log?.highWatermark ?? Math.min(written, Number.MAX_SAFE_INTEGER))
    }
    return ends
  }

  /** A deleted topic takes its markers along. One whose disk had failed may have lost them: they are written again. */
  async #synced(decided: Transaction, { log, upTo }: Unsettled['markers'][number]): Promise<void> {
    const { topic, partition } = log.at
    const present = this.#directory.partition(topic, partition)
    if (present === log) return await log.synced(upTo)
    if (present === undefined || present.topicId !== log.topicId) return
    const end = decided.partitions.get(topic, partition) ?? 0
    if (!this.#mark(decided, present, end)) throw present.failure ?? new Error(`${topic}-${partition} takes no marker`)
    await present.synced(present.highWatermark)
  }

  async #settleSoon(entries: readonly TransactionEntry[]): Promise<void> {
    try {
      await Promise.all(entries.map((entry) => this.settle(entry)))
    } catch (error) {
      this.#ports.log.error('markers of transactions could not be synced', { reason: messageOf(error) })
    }
  }

  #retryLater(): void {
    if (this.#closed || this.#retry !== undefined) return
    const retry = () => {
      this.#retry = undefined
      const before = this.#unmarked.size
      for (const entry of [...this.#unmarked]) {
        if (!isPrepared(entry.now.state)) this.#unmarked.delete(entry)
        // A request that has its turn has tried before anything else.
        else if (!entry.isBusy) this.complete(entry)
      }
      const goesOn = this.#unmarked.size < before
      this.#retryMs = goesOn ? retryAfterMs.first : Math.min(2 * this.#retryMs, retryAfterMs.most)
      if (this.#unmarked.size > 0) this.#retryLater()
    }
    this.#retry = this.#ports.clock.after(this.#retryMs, retry, 'background')
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined || this.#unsettled.size === 0) return
    const settleAll = () => {
      this.#timer = undefined
      void this.#settleSoon([...this.#unsettled]).then(() => this.#schedule())
    }
    this.#timer = this.#ports.clock.after(settleAfterMs, settleAll, 'background')
  }
}

/** Under version 2 the data is at least one epoch below the markers. */
function isOf(now: Transaction, dataEpoch: number): boolean {
  return now.version >= 2 ? dataEpoch < now.epoch : dataEpoch <= now.epoch
}
